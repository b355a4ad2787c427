#include "budget/tally.hpp"

#include <algorithm>

namespace modelmesh::budget {
namespace {

constexpr std::int64_t usage_totals::* members[] = {
    &usage_totals::requests,       &usage_totals::failures,      &usage_totals::input_tokens,
    &usage_totals::cached_tokens,  &usage_totals::output_tokens, &usage_totals::reasoning_tokens,
    &usage_totals::cost_micro_usd, &usage_totals::unpriced};

constexpr std::size_t cost = 6; // of `members`
static_assert(members[cost] == &usage_totals::cost_micro_usd);

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

std::int64_t tally::add(const ending& of, calendar when) noexcept {
    const usage_totals one = totals_of(of);
    const auto amount_of = [&one](std::size_t i) {
        // A server may send any number; what fits a period's word is far more than any call can use.
        return std::clamp<std::int64_t>(one.*members[i], 0, period_amount::most);
    };
    for (std::size_t i = 0; i < kinds; ++i) {
        const std::int64_t amount = amount_of(i);
        if (amount == 0) continue;
        counters_[i].today.add(when.day, amount);
        counters_[i].month.add(when.month, amount);
        if (i != cost) counters_[i].total.fetch_add(amount, std::memory_order_relaxed);
    }
    const std::int64_t paid = amount_of(cost);
    return counters_[cost].total.fetch_add(paid, std::memory_order_release) + paid;
}

tally_record tally::record(calendar now) const noexcept {
    tally_record made;
    made.when = now;
    made.total.cost_micro_usd = counters_[cost].total.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < kinds; ++i) {
        if (i != cost) made.total.*members[i] = counters_[i].total.load(std::memory_order_relaxed);
        made.today.*members[i] = counters_[i].today.of(now.day);
        made.month.*members[i] = counters_[i].month.of(now.month);
    }
    return made;
}

void tally::restore(const tally_record& from, std::int64_t mark, calendar now) noexcept {
    const std::int64_t unknown = std::max<std::int64_t>(mark - from.total.cost_micro_usd, 0);
    for (std::size_t i = 0; i < kinds; ++i) {
        const std::int64_t more = i == cost ? unknown : 0;
        counters_[i].total.store(from.total.*members[i] + more, std::memory_order_relaxed);
        counters_[i].today.add(now.day, (from.when.day == now.day ? from.today.*members[i] : 0) + more);
        counters_[i].month.add(now.month, (from.when.month == now.month ? from.month.*members[i] : 0) + more);
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
