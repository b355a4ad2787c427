// The decisions of one request: which model next, when, and whether another attempt may follow a failure. No I/O.
#pragma once

#include "core/request_id.hpp"
#include "router/attempt_hooks.hpp"
#include "router/credentials.hpp"
#include "router/selection.hpp"
#include "router/snapshot.hpp"
#include "router/transport.hpp"
#include "router/verdict.hpp"

#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>

#include <memory>
#include <optional>
#include <vector>

namespace modelmesh::router {

/// One request on its way: keeps what it was routed on alive until it has ended.
struct call {
    std::shared_ptr<const snapshot> picture;
    const router::pool* pool = nullptr; ///< of `picture`
    scope asked{};                      ///< which models of the pool, and of `picture`
    std::shared_ptr<const prepared_request> request;
    time_point deadline;
    std::shared_ptr<const std::string> session{}; ///< what the caller names it by; null: the request may
    core::request_id id{};
    std::shared_ptr<attempt_hooks> hooks{}; ///< null: nothing is around its attempts
    std::shared_ptr<credentials> keys{};    ///< null: a key that is refused is that for good
};

/// What rotation policies are told of the call's request; the views in it are the call's.
[[nodiscard]] connector::rotation_request facts_for(const call& made);

/// What a failed attempt at the model `index` of the call's pool means: completes `f` with who failed, takes
/// the key out of its text, and settles who is to blame.
/// @param silence  whom it speaks against that the model was not waited for any longer.
/// @param log      gets model.deactivated; may be null.
/// @param is_of_account  a rate limit that was met is that of the provider's account, not of the model alone.
verdict settle_failure(const call& made, std::size_t index, fault& f, blame silence, time_point now,
                       rng& random, log_sink* log, bool is_of_account = false);

class attempt_plan {
public:
    /// @param time, random, log  outlive the plan and the stream that it ends in; `log` may be null.
    attempt_plan(call made, const clock& time, rng& random, log_sink* log = nullptr);

    /// Starts the next attempt: at a model that the request has not asked, while there is one (retry_scope says when
    /// not), else again at one whose failure may have passed. Null: not before resumes_at(), because nobody
    /// may be asked now, or has the next turn where a pool has a pace; call next() again then.
    /// Errors, each with every attempt so far: no_active_model (the pool is out of service, and one of its failures
    /// may pass), timed_out (the deadline has passed), the kind that all attempts share or that put every model out
    /// of service, exhausted.
    [[nodiscard]] result<const model_entry*> next();
    /// After next() came back with null. Before the deadline.
    [[nodiscard]] time_point resumes_at() const noexcept { return resumes_at_; }

    /// Ends the current attempt well.
    void succeeded();
    /// The current attempt goes on as a stream. @param first_content  when that arrived.
    [[nodiscard]] permit hand_over(time_point first_content);
    /// The stream that the current attempt went on as has failed, and has settled who is to blame.
    void broke_off(const fault& f);
    /// Attempts from now on ask this.
    void ask(std::shared_ptr<const prepared_request> instead);
    /// Ends the current attempt badly. A value: the failure ends the request. Nothing: call next().
    [[nodiscard]] std::optional<fault> failed(fault f);

    /// The provider has refused the key of the current attempt and has another one in `with`: notes the failure, and goes
    /// on there with one more attempt at the same model. False, and nothing has changed: the request has no further
    /// attempt, or is not the same one there, as the pool has other models by now.
    [[nodiscard]] bool ask_again(const std::shared_ptr<const snapshot>& with, fault f);

    /// A second attempt beside the current one, which goes on: a plan of the same request whose current attempt is at
    /// another model. Nothing when there is none. One of the two goes on with the request: see merge().
    [[nodiscard]] std::optional<attempt_plan> begin_beside();
    /// Ends the attempt beside this one. @param takes_over  this plan goes on as `other`, and its own attempt is
    /// given up, if it has not failed; else `other`'s.
    void merge(attempt_plan&& other, bool takes_over);
    /// What the current attempt has taken of limits of tokens, for who knows what it uses.
    [[nodiscard]] state::metered_tokens take_tokens() noexcept { return std::move(tokens_); }
    /// The provider says that the rate limit which the current attempt has met is that of its account.
    void note_limit_of_account() noexcept { is_of_account_ = true; }
    /// The failure of the current attempt ends the call, and is no model's: a middleware has refused it, for example.
    void note_refusal() noexcept { is_turned_away_ = true; }
    /// Whether the current attempt has failed like that: its failure is no word of the provider's.
    [[nodiscard]] bool is_turned_away() const noexcept { return is_turned_away_; }
    /// The current attempt is a stream whose first content is here, and is held back.
    void note_content() noexcept { has_content_ = true; }
    [[nodiscard]] bool has_content() const noexcept { return has_content_; }
    /// Another model answered first: this one would have taken longer.
    void outrun() noexcept;

    [[nodiscard]] const std::vector<attempt>& attempts() const noexcept { return attempts_; }
    [[nodiscard]] const call& made() const noexcept { return call_; }
    [[nodiscard]] const model_entry& current() const noexcept { return *call_.pool->models[current_]; }
    [[nodiscard]] std::size_t current_index() const noexcept { return current_; }
    [[nodiscard]] const clock& time() const noexcept { return *clock_; }
    [[nodiscard]] rng& random() const noexcept { return *random_; }
    [[nodiscard]] log_sink* log() const noexcept { return log_; }
    /// Of the current attempt. While another model could be asked, or will be by then, half of the caller's time is left for it.
    [[nodiscard]] const patience& limits() const noexcept { return limits_; }
    /// Of the current attempt, from 1 on.
    [[nodiscard]] int attempt_number() const noexcept { return number_; }
    /// So far, those beside others included.
    [[nodiscard]] int attempt_count() const noexcept { return beside_ != nullptr ? beside_->count_ : count_; }
    [[nodiscard]] time_point started() const noexcept { return started_; }

private:
    /// Of an attempt beside another.
    attempt_plan(attempt_plan& first, time_point now);
    [[nodiscard]] bool may_begin_another() const noexcept;
    void count_attempt() noexcept { number_ = ++(beside_ != nullptr ? beside_->count_ : count_); }
    void note_attempt(const fault& f, time_point now);
    /// A model that the request has asked.
    struct asked_model {
        std::size_t index;
        unsigned tries = 0;
        bool may_repeat = false;
        time_point failed_at{};
        time_point again_at{}; ///< not before
        errc why{};
    };
    [[nodiscard]] asked_model* find_asked(std::size_t index) noexcept;
    [[nodiscard]] const retry_config& retry() const noexcept { return call_.pool->retry; }
    [[nodiscard]] bool stays_at_current(time_point now);
    [[nodiscard]] std::optional<chosen_model> choose_new(time_point now);
    [[nodiscard]] std::optional<chosen_model> choose_again(time_point now);
    /// When somebody may be asked, if that is worth waiting for.
    [[nodiscard]] std::optional<time_point> next_chance(time_point now);
    [[nodiscard]] std::optional<time_point> chance_of(std::size_t index, time_point now);
    void report_switch(std::size_t chosen, time_point now);
    void begin(chosen_model&& chosen, time_point now);
    void start_attempt(admission&& admitted, const state::taken_tokens& tokens, time_point now);
    [[nodiscard]] bool is_new_one_back_by(time_point then) const;
    /// Leaves out the models that are no larger than the current one, or of unknown size. False: nobody is left.
    [[nodiscard]] bool has_larger();
    [[nodiscard]] duration pause_before(unsigned retry) noexcept;
    [[nodiscard]] time_point again_at(const fault& f, unsigned tries, time_point now) noexcept;

    /// The models that the call may ask, for people: the pool's, or those of one provider in it.
    [[nodiscard]] std::string described() const;
    [[nodiscard]] fault late_fault() const;
    [[nodiscard]] fault no_model_fault() const;
    [[nodiscard]] fault refused_fault() const;
    [[nodiscard]] fault paced_fault(std::chrono::milliseconds wait) const;
    [[nodiscard]] fault closing_fault() const;

    call call_;
    const clock* clock_;
    rng* random_;
    log_sink* log_;
    connector::rotation_request request_;
    connector::model_set tried_;      ///< asked, or too small for the request
    connector::model_set candidates_; ///< of the last choice
    std::vector<asked_model> asked_;
    bool is_of_account_ = false;  ///< see note_limit_of_account(), of the current attempt
    bool is_turned_away_ = false; ///< see note_refusal(), the same
    bool has_content_ = false;    ///< see note_content(), the same
    bool is_refused_ = false;     ///< the policy wanted none of the last candidates
    unsigned waits_ = 0;          ///< in a row
    time_point resumes_at_{};
    std::size_t current_ = 0;
    permit permit_; ///< of the current attempt, as the next
    state::metered_tokens tokens_;
    patience limits_;
    int number_ = 0; ///< of the current attempt
    int count_ = 0;  ///< of all attempts, but for a plan that has one beside it: that one's counts for both
    attempt_plan* beside_ = nullptr; ///< whose attempt goes on beside this one's; outlives it
    time_point started_;
    time_point attempt_started_;
    std::vector<attempt> attempts_;
    std::optional<std::chrono::milliseconds> retry_after_; ///< the shortest that a provider asked for
    std::string request_id_;                               ///< of the last failure
    std::string param_;                                    ///< the same
    std::shared_ptr<const exceeded_budget> budget_;        ///< the same
};

} // namespace modelmesh::router
