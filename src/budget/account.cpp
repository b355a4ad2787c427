#include "budget/account.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <utility>

namespace modelmesh::budget {
namespace {

using wall_time = std::chrono::system_clock::time_point;

std::string date_text(wall_time at) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(at);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return std::string(text, size);
}

} // namespace

// The limit, its name, and what says when its period is over: nothing for that of one request.
struct account::kind {
    std::string_view name;
    micro_usd limit;
    wall_time (periods::*reset)(wall_time) const noexcept = nullptr;
};

account::account(std::string scope, std::string name, limits under, std::shared_ptr<const periods> of)
    : scope_(std::move(scope)), name_(std::move(name)), limits_(std::move(under)), periods_(std::move(of)),
      money_(std::make_shared<money>()) {}

account::account(const account& before, limits under, std::shared_ptr<const periods> of)
    : scope_(before.scope_), name_(before.name_), limits_(std::move(under)), periods_(std::move(of)),
      money_(before.money_) {}

void account::open_with(calendar now, micro_usd today, micro_usd month) noexcept {
    money_->daily.settle(now.day, 0, today);
    money_->monthly.settle(now.month, 0, month);
}

account::answer account::take(const kind& of, window& from, period& when, micro_usd amount, wall_time wall,
                              fault& why) const {
    micro_usd committed = 0;
    const micro_usd limit = limits_.enforce ? of.limit : std::numeric_limits<micro_usd>::max();
    switch (from.committed.add_within(when, amount, limit, committed)) {
    case period_amount::outcome::added:
        return answer::taken;
    case period_amount::outcome::later_period:
        return answer::later_period;
    case period_amount::outcome::above_limit:
        break;
    }
    why = refusal(of, committed, from.spent.of(when), amount, wall);
    return answer::refused;
}

account::answer account::reserve(reservation& held, wall_time wall, fault& why) {
    constexpr micro_usd unlimited = std::numeric_limits<micro_usd>::max();
    if (limits_.enforce && limits_.per_request && held.amount > *limits_.per_request) {
        why = refusal({"per_request_limit", *limits_.per_request}, 0, 0, held.amount, wall);
        return answer::refused;
    }
    const kind day{"daily_limit", limits_.daily.value_or(unlimited), &periods::next_day};
    if (const answer said = take(day, money_->daily, held.when.day, held.amount, wall, why);
        said != answer::taken)
        return said;
    const kind month{"monthly_limit", limits_.monthly.value_or(unlimited), &periods::next_month};
    const answer said = take(month, money_->monthly, held.when.month, held.amount, wall, why);
    if (said != answer::taken) money_->daily.committed.add(held.when.day, -held.amount);
    return said;
}

std::optional<fault> account::would_refuse(micro_usd amount, wall_time wall) const {
    if (!limits_.enforce) return std::nullopt;
    if (limits_.per_request && amount > *limits_.per_request)
        return refusal({"per_request_limit", *limits_.per_request}, 0, 0, amount, wall);
    const calendar now = periods_->at(wall);
    const auto look = [&](const kind& of, const window& from, period when) -> std::optional<fault> {
        const micro_usd committed = from.committed.of(when);
        if (std::max<micro_usd>(amount, 1) <= of.limit - committed) return std::nullopt;
        return refusal(of, committed, from.spent.of(when), amount, wall);
    };
    std::optional<fault> why;
    if (limits_.daily)
        why = look({"daily_limit", *limits_.daily, &periods::next_day}, money_->daily, now.day);
    if (!why && limits_.monthly)
        why = look({"monthly_limit", *limits_.monthly, &periods::next_month}, money_->monthly, now.month);
    return why;
}

void account::release(const reservation& held) noexcept {
    money_->daily.committed.add(held.when.day, -held.amount);
    money_->monthly.committed.add(held.when.month, -held.amount);
}

fault account::refusal(const kind& of, micro_usd committed, micro_usd spent, micro_usd wanted,
                       wall_time wall) const {
    auto what = std::make_shared<exceeded_budget>();
    what->scope = scope_;
    what->name = name_;
    what->limit_name = of.name;
    what->limit_micro_usd = of.limit;
    what->spent_micro_usd = std::min(spent, committed);
    what->reserved_micro_usd = committed - what->spent_micro_usd;
    what->wanted_micro_usd = wanted;
    if (of.reset != nullptr) what->resets_at = ((*periods_).*of.reset)(wall);
    std::string text = "the " + what->limit_name + " of ";
    text += name_.empty() ? "the whole budget" : scope_ + " '" + name_ + "'";
    text += " is " + dollars(of.limit);
    if (what->resets_at)
        text += ", of which " + dollars(what->spent_micro_usd) + " are spent and " +
                dollars(what->reserved_micro_usd) + " reserved";
    text += "; this call may cost " + dollars(wanted);
    if (what->resets_at) text += "; the limit resets at " + date_text(*what->resets_at);
    fault f(errc::budget, std::move(text));
    if (what->resets_at)
        f.retry_after = std::chrono::ceil<std::chrono::milliseconds>(*what->resets_at - wall);
    f.budget = std::move(what);
    return f;
}

void account::report(std::vector<budget_state>& into, wall_time wall) const {
    const calendar now = periods_->at(wall);
    const auto add = [&](std::string_view name, const std::optional<micro_usd>& limit, const window& of,
                         period when, wall_time resets_at) {
        if (!limit) return;
        budget_state& state = into.emplace_back();
        state.scope = scope_;
        state.name = name_;
        state.limit_name = name;
        state.limit_micro_usd = *limit;
        state.spent_micro_usd = of.spent.of(when);
        // Two words, read one after the other: a settlement between them must not look like a debt.
        const micro_usd committed = std::max(of.committed.of(when), state.spent_micro_usd);
        state.reserved_micro_usd = committed - state.spent_micro_usd;
        state.remaining_micro_usd = std::max<micro_usd>(*limit - committed, 0);
        state.is_enforced = limits_.enforce;
        state.resets_at = resets_at;
    };
    add("daily_limit", limits_.daily, money_->daily, now.day, periods_->next_day(wall));
    add("monthly_limit", limits_.monthly, money_->monthly, now.month, periods_->next_month(wall));
}

std::optional<fault> reserve_all(const accounts& with, reservation& held, wall_time wall) {
    fault why;
    for (std::size_t taken = 0; taken < with.size();) {
        const reservation asked = held;
        const account::answer said = with[taken]->reserve(held, wall, why);
        if (said == account::answer::taken) {
            ++taken;
            continue;
        }
        while (taken > 0) with[--taken]->release(asked);
        if (said == account::answer::refused) return why;
        // A later period has begun: all of it belongs there. Periods only grow, so this ends.
    }
    return std::nullopt;
}

} // namespace modelmesh::budget
