#include "budget/prices.hpp"

#include <algorithm>
#include <limits>

namespace modelmesh::budget {
namespace {

constexpr pico_usd price_list::* members[] = {
    &price_list::input,     &price_list::output,      &price_list::cached_input, &price_list::cache_write,
    &price_list::reasoning, &price_list::audio_input, &price_list::audio_output, &price_list::image,
    &price_list::second,    &price_list::character,   &price_list::request};

// A sum that ends at the largest amount instead of overflowing.
class bill {
public:
    void add(std::int64_t count, pico_usd price) noexcept {
        pico_usd cost = 0;
        if (__builtin_mul_overflow(std::max<std::int64_t>(count, 0), std::max<pico_usd>(price, 0), &cost) ||
            __builtin_add_overflow(sum_, cost, &sum_))
            sum_ = std::numeric_limits<pico_usd>::max();
    }
    [[nodiscard]] pico_usd sum() const noexcept { return sum_; }

private:
    pico_usd sum_ = 0;
};

pico_usd known_or(pico_usd price, pico_usd fallback) noexcept {
    return price == price_list::unknown ? fallback : price;
}

// Takes a part out of what is left of its whole.
std::int64_t take(std::int64_t& whole, std::int64_t part) noexcept {
    const std::int64_t taken = std::clamp<std::int64_t>(part, 0, std::max<std::int64_t>(whole, 0));
    whole -= taken;
    return taken;
}

} // namespace

bool price_list::any() const noexcept {
    return std::any_of(std::begin(members), std::end(members),
                       [this](pico_usd price_list::* each) { return this->*each != unknown; });
}

void price_list::override_with(const price_list& over) noexcept {
    for (pico_usd price_list::* each : members) this->*each = known_or(over.*each, this->*each);
}

pico_usd cost_of(const consumption& used, const price_list& prices, const price_tiers& tiers) noexcept {
    pico_usd input = prices.input;
    pico_usd output = prices.output;
    pico_usd cached = prices.cached_input;
    for (const price_tier& tier : tiers) {
        if (tier.above_input_tokens == 0 || used.input <= tier.above_input_tokens) continue;
        input = known_or(tier.input, input);
        output = known_or(tier.output, output);
        cached = known_or(tier.cached_input, cached);
    }
    bill total;
    std::int64_t plain = used.input;
    total.add(take(plain, used.cached_input), known_or(cached, input));
    total.add(take(plain, used.cache_write), known_or(prices.cache_write, input));
    total.add(take(plain, used.audio_input), known_or(prices.audio_input, input));
    total.add(plain, input);
    plain = used.output;
    total.add(take(plain, used.reasoning), known_or(prices.reasoning, output));
    total.add(take(plain, used.audio_output), known_or(prices.audio_output, output));
    total.add(plain, output);
    total.add(used.requests, prices.request);
    if (used.output > 0) return total.sum();
    total.add(used.images, prices.image);
    total.add(used.characters, prices.character);
    // Seconds are counted in thousandths, and so priced: the remainder is less than a pico-dollar each.
    bill sound;
    sound.add(used.milliseconds, prices.second);
    total.add(1, sound.sum() / 1000 + (sound.sum() % 1000 >= 500 ? 1 : 0));
    return total.sum();
}

} // namespace modelmesh::budget
