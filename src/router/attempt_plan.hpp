// The decisions of one request: which model next, and whether another attempt may follow a failure. No I/O.
#pragma once

#include "router/selection.hpp"
#include "router/snapshot.hpp"
#include "router/transport.hpp"

#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/core/clock.hpp>

#include <memory>

namespace modelmesh::router {

/// One request on its way: keeps what it was routed on alive until it has ended.
struct call {
    std::shared_ptr<const snapshot> picture;
    const router::pool* pool = nullptr; ///< of `picture`
    scope asked{};                      ///< which models of the pool, and of `picture`
    std::shared_ptr<const prepared_request> request;
    time_point deadline;
    std::shared_ptr<const std::string> session{}; ///< what the caller names it by; null: the request may
};

/// Whom a failure speaks against.
enum class blame : std::uint8_t {
    nobody,
    position, ///< the pool had better begin elsewhere next time; the model may be in good health
    health,   ///< the model
};

/// What a failed attempt at the model `index` of the call's pool means: completes `f` with who failed, takes
/// the key out of its text, and settles who is to blame.
/// @param silence  whom it speaks against that the model was not waited for any longer.
/// True when another model may do better.
bool settle_failure(const call& made, std::size_t index, fault& f, blame silence, time_point now,
                    rng& random);

class attempt_plan {
public:
    /// @param time, random  outlive the plan and the stream that it ends in.
    attempt_plan(call made, const clock& time, rng& random);

    /// When next() is worth calling, where models have had the requests that the pool lets them have and the next
    /// one's turn comes within the deadline. Nothing: now.
    [[nodiscard]] std::optional<time_point> next_turn() const noexcept;
    /// Starts the next attempt. Errors, each with every attempt so far: no_active_model (the pool is out of
    /// service, and one of its failures may pass), timed_out (the deadline has passed), the kind that all
    /// attempts share or that put every model out of service, exhausted.
    [[nodiscard]] result<const model_entry*> next();

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

    [[nodiscard]] const call& made() const noexcept { return call_; }
    [[nodiscard]] const model_entry& current() const noexcept { return *call_.pool->models[current_]; }
    [[nodiscard]] std::size_t current_index() const noexcept { return current_; }
    [[nodiscard]] const clock& time() const noexcept { return *clock_; }
    [[nodiscard]] rng& random() const noexcept { return *random_; }
    /// Of the current attempt. While another model could be asked, half of the caller's time is left for it.
    [[nodiscard]] const patience& limits() const noexcept { return limits_; }
    [[nodiscard]] int attempt_number() const noexcept { return number_; }
    [[nodiscard]] time_point started() const noexcept { return started_; }

private:
    void note_attempt(const fault& f, time_point now);
    /// The models that the call may ask, for people: the pool's, or those of one provider in it.
    [[nodiscard]] std::string described() const;
    [[nodiscard]] fault no_model_fault() const;
    [[nodiscard]] fault refused_fault() const;
    [[nodiscard]] fault paced_fault(std::chrono::milliseconds wait) const;
    [[nodiscard]] fault closing_fault() const;

    call call_;
    const clock* clock_;
    rng* random_;
    connector::rotation_request request_;
    connector::model_set tried_;      ///< a request never tries a model twice
    connector::model_set candidates_; ///< of the last choice
    std::size_t current_ = 0;
    permit permit_; ///< of the current attempt
    patience limits_;
    int number_ = 0;
    time_point started_;
    time_point attempt_started_;
    std::vector<attempt> attempts_;
    std::optional<std::chrono::milliseconds> retry_after_; ///< the shortest that a provider asked for
    std::string request_id_;                               ///< of the last failure
    std::string param_;                                    ///< the same
    std::shared_ptr<const exceeded_budget> budget_;        ///< the same
};

} // namespace modelmesh::router
