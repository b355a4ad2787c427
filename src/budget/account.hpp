// One budget: the limits of one scope, what was spent of them, and what calls under way may still spend.
//
// A call reserves the most it is expected to cost with every account that it concerns, all or nothing, and is
// settled with what it did cost. So, for each account and period,
//
//     spent <= limit + the sum, over settled calls, of what each cost above its reservation
//
// and while no call costs more than its reservation, the limit is never exceeded, however many run at once.
// Each cost is rounded once, half up: it is within half a micro-dollar of the exact one, and never above its
// reservation for being rounded, because reservations are rounded up.
//
// A call belongs to the periods in which it was reserved. When its day is over before it ends, its cost
// counts in its month (if that goes on) and in the totals, but in no later day: each call is held against one
// day's limit, once.
//
// Threads: any. Each amount is one atomic word (period.hpp), and a limit is checked and taken in one
// compare-and-swap, so two calls never share the last dollar. What is not atomic is a call's way through
// several accounts: when a later one refuses, the earlier ones held the sum for that moment, and may have
// refused another call that would have fit.
#pragma once

#include "budget/money.hpp"
#include "budget/period.hpp"

#include <modelmesh/api/usage_report.hpp>
#include <modelmesh/core/error.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh::budget {

struct limits {
    std::optional<micro_usd> per_request{};
    std::optional<micro_usd> daily{};
    std::optional<micro_usd> monthly{};
    std::vector<unsigned> alert_at{}; ///< thousandths of a limit, ascending, 16 at most
    bool enforce{true};               ///< false: only alerts

    [[nodiscard]] bool any() const noexcept { return per_request || daily || monthly; }
    friend bool operator==(const limits&, const limits&) = default;
};

/// A share of a limit has been spent. The views are the account's.
struct alert {
    std::string_view scope;
    std::string_view name;
    std::string_view limit_name; ///< "daily_limit", "monthly_limit"
    unsigned at = 0;             ///< thousandths
    micro_usd limit = 0;
    micro_usd spent = 0;
};

/// What one call holds.
struct reservation {
    micro_usd amount = 0;
    calendar when{};
};

class account {
public:
    /// @param scope  "global", "provider", "pool" or "model". @param name  within it; empty for global.
    account(std::string scope, std::string name, limits under,
            std::shared_ptr<const periods> of = std::make_shared<const periods>());
    /// The same money under other limits: shares what was spent and what calls hold, those under way with the
    /// account before included. Alerts begin anew, because their thresholds are of another amount.
    /// @param of  take the place of those of the account before: their numbers of what is under way are the same.
    account(const account& before, limits under, std::shared_ptr<const periods> of);

    [[nodiscard]] const limits& terms() const noexcept { return limits_; }

    /// What a limit says to a reservation.
    enum class answer : std::uint8_t { taken, refused, later_period };
    /// Takes the amount from what is left, unless a limit is in the way, or a later period has begun: then
    /// nothing is taken. @param held  gets the later period. @param why  gets the refusal.
    [[nodiscard]] answer reserve(reservation& held, std::chrono::system_clock::time_point wall, fault& why);
    /// What reserve() would say now; nothing: it would take the amount. Of an amount of 0 it says whether anything is
    /// left.
    [[nodiscard]] std::optional<fault> would_refuse(micro_usd amount,
                                                    std::chrono::system_clock::time_point wall) const;
    /// Gives a reservation back.
    void release(const reservation& held) noexcept;
    /// Puts what a call cost in place of its reservation. Calls `report` with each alert that is due: once in
    /// a period for each threshold, to the one call that reached it.
    template <class Report> void settle(const reservation& held, micro_usd cost, Report&& report) {
        money_->daily.settle(held.when.day, held.amount, cost);
        money_->monthly.settle(held.when.month, held.amount, cost);
        tell(money_->daily, daily_alerts_, limits_.daily, held.when.day, "daily_limit", report);
        tell(money_->monthly, monthly_alerts_, limits_.monthly, held.when.month, "monthly_limit", report);
    }
    /// Counts what was spent before there was this account. @pre no call knows it yet.
    void open_with(calendar now, micro_usd today, micro_usd month) noexcept;
    /// Takes the alerts that are due for told: a program before this one has told them.
    void pass_over_alerts(calendar now) {
        const auto nobody = [](const alert&) {};
        tell(money_->daily, daily_alerts_, limits_.daily, now.day, "daily_limit", nobody);
        tell(money_->monthly, monthly_alerts_, limits_.monthly, now.month, "monthly_limit", nobody);
    }

    /// Adds a line for each limit.
    void report(std::vector<budget_state>& into, std::chrono::system_clock::time_point wall) const;

private:
    // One limit's side of the account.
    struct window {
        period_amount committed; ///< spent and reserved
        period_amount spent;

        void settle(period when, micro_usd held, micro_usd cost) noexcept {
            committed.add(when, cost - held);
            spent.add(when, cost);
        }
    };

    struct money {
        window daily;
        window monthly;
    };

    template <class Report>
    void tell(const window& of, period_amount& told, const std::optional<micro_usd>& limit, period when,
              std::string_view limit_name, Report&& report) {
        if (!limit || limits_.alert_at.empty()) return;
        const micro_usd spent = of.spent.of(when);
        for (std::size_t i = 0; i < limits_.alert_at.size(); ++i) {
            if (spent * 1000 < *limit * limits_.alert_at[i] || spent == 0) break; // both far below 2^63
            if (told.set_bit(when, static_cast<unsigned>(i)))
                report(alert{scope_, name_, limit_name, limits_.alert_at[i], *limit, spent});
        }
    }
    struct kind; // of limit
    [[nodiscard]] answer take(const kind& of, window& from, period& when, micro_usd amount,
                              std::chrono::system_clock::time_point wall, fault& why) const;
    [[nodiscard]] fault refusal(const kind& of, micro_usd committed, micro_usd spent, micro_usd wanted,
                                std::chrono::system_clock::time_point wall) const;

    std::string scope_;
    std::string name_;
    limits limits_;
    std::shared_ptr<const periods> periods_; ///< never null, as the next
    std::shared_ptr<money> money_;
    period_amount daily_alerts_; ///< bits of the thresholds that were told
    period_amount monthly_alerts_;
};

using accounts = std::vector<std::shared_ptr<account>>;

/// Reserves with all of them, or with none. A fault: errc::budget, with exceeded_budget.
[[nodiscard]] std::optional<fault> reserve_all(const accounts& with, reservation& held,
                                               std::chrono::system_clock::time_point wall);

} // namespace modelmesh::budget
