#include "budget/tally.hpp"

#include <algorithm>

namespace modelmesh::budget {
namespace {

constexpr std::int64_t usage_totals::* members[] = {
    &usage_totals::requests,       &usage_totals::failures,      &usage_totals::input_tokens,
    &usage_totals::cached_tokens,  &usage_totals::output_tokens, &usage_totals::reasoning_tokens,
    &usage_totals::cost_micro_usd, &usage_totals::unpriced};

usage_totals totals_of(const ending& of) noexcept {
    usage_totals one;
    one.requests = 1;
    one.failures = of.has_failed ? 1 : 0;
    if (!of.was_billed) return one;
    one.input_tokens = of.used.input;
    one.cached_tokens = of.used.cached_input;
    one.output_tokens = of.used.output;
    one.reasoning_tokens = of.used.reasoning;
    one.cost_micro_usd = of.cost;
    one.unpriced = of.is_priced ? 0 : 1;
    return one;
}

} // namespace

void tally::add(const ending& of, calendar when) noexcept {
    const usage_totals one = totals_of(of);
    for (std::size_t i = 0; i < kinds; ++i) {
        // A server may send any number; what fits a period's word is far more than any call can use.
        const std::int64_t amount = std::clamp<std::int64_t>(one.*members[i], 0, period_amount::most);
        if (amount == 0) continue;
        counters_[i].total.fetch_add(amount, std::memory_order_relaxed);
        counters_[i].today.add(when.day, amount);
        counters_[i].month.add(when.month, amount);
    }
}

void tally::add_to(usage_counts& sums, calendar now) const noexcept {
    for (std::size_t i = 0; i < kinds; ++i) {
        sums.total.*members[i] += counters_[i].total.load(std::memory_order_relaxed);
        sums.today.*members[i] += counters_[i].today.of(now.day);
        sums.month.*members[i] += counters_[i].month.of(now.month);
    }
}

} // namespace modelmesh::budget
