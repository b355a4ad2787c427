// The money of one attempt: reserved before it, settled after it. The one place that does either.
#pragma once

#include "budget/book.hpp"
#include "budget/estimate.hpp"
#include "router/attempt_plan.hpp"
#include "router/reply_stream.hpp"

#include <modelmesh/core/clock.hpp>
#include <modelmesh/core/log.hpp>
#include <modelmesh/core/task.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace modelmesh::router {

/// Why a call would be refused by a budget now; nothing: it would not. Reserves nothing.
/// @param request  null: one that costs nothing.
[[nodiscard]] std::optional<fault> budget_refusal(const prepared_request* request, const budget::line& at,
                                                  std::chrono::system_clock::time_point wall);

/// Settles itself when it is destroyed, so that no way out of an attempt forgets it. Where no budget applies,
/// nothing is estimated or reserved, and the call is only counted.
///
/// What is settled: what the reply says it used, and for one that is broken off the estimate of what came behind
/// that. Where it says nothing: the estimate of what was asked and of what came. Where nothing came: nothing, and the
/// reservation is given back. (A provider may bill a call that was given up before its answer began; nobody can know.)
class charge {
public:
    /// Of the current attempt of the plan, whose call, clock and log outlive it.
    charge(attempt_plan& plan, log_sink* log);
    charge(charge&& other) noexcept;
    charge& operator=(charge&&) = delete;
    ~charge();

    /// Errors: budget, nothing may be sent.
    [[nodiscard]] result<void> reserve();

    /// Looks at a whole reply.
    void take_reply(std::string_view body);

    enum class piece : std::uint8_t { for_reader, only_for_us };
    /// Looks at a piece of a streamed reply. Only for us: the totals, which the caller did not ask for.
    [[nodiscard]] piece take_piece(std::string_view json);

    /// How the attempt ended. One of which neither is said was given up by its caller: that is no failure, and what
    /// came of it is billed as for one.
    void succeeded() noexcept { ended_ = ending::well; }
    void failed() noexcept { ended_ = ending::badly; }

    /// Ends it, once. What it cost; nothing: no price is known.
    std::optional<std::int64_t> settle() noexcept;
    [[nodiscard]] std::optional<std::int64_t> cost() const noexcept { return cost_; }
    /// What it was settled with.
    [[nodiscard]] std::optional<token_counts> tokens() const noexcept { return tokens_; }

    /// Whether what was settled outlives the program, or has to do without: only then the caller is told of it.
    [[nodiscard]] bool is_covered() const noexcept {
        return !storage_ || counts_->is_covered(total_) || storage_->is_failing();
    }
    /// Completes when it is, or when the call has no more time: a storage that hangs holds no call up. The charge
    /// outlives the task.
    [[nodiscard]] task<void> covered();

private:
    [[nodiscard]] std::optional<budget::consumption> used() const noexcept;
    void report(const budget::alert& of) const noexcept;
    void report_refusal(const exceeded_budget& of) const;

    const pool* pool_;
    std::size_t index_; ///< of the model
    rng* random_;
    time_point started_;
    time_point deadline_;
    const prepared_request* request_;
    std::shared_ptr<budget::line> line_; ///< null: nothing is counted, or all is settled
    const clock* clock_;
    log_sink* log_;
    core::request_id id_; ///< of the call
    budget::reservation held_;
    state::metered_tokens metered_;
    std::optional<budget::consumption> said_;
    budget::text_meter received_;
    bool was_sent_ = false;
    bool has_reply_ = false; ///< a part of it, at least
    enum class ending : std::uint8_t { given_up, well, badly };
    ending ended_ = ending::given_up;
    bool shows_totals_;
    std::optional<std::int64_t> cost_;
    std::shared_ptr<budget::write_ahead> storage_; ///< of what was settled; null: there is none
    std::shared_ptr<budget::tally> counts_;        ///< the same
    std::int64_t total_ = 0;                       ///< the line's, with this charge
    std::optional<token_counts> tokens_;
};

} // namespace modelmesh::router
