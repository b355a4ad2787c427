// What a model costs, and what one call to it did.
#pragma once

#include "budget/money.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace modelmesh::budget {

/// Prices of one model. `unknown` ones have a fallback, which consumption says where it is counted.
struct price_list {
    static constexpr pico_usd unknown = -1;

    pico_usd input = unknown; ///< a token, as all up to audio_output
    pico_usd output = unknown;
    pico_usd cached_input = unknown;
    pico_usd cache_write = unknown;
    pico_usd reasoning = unknown;
    pico_usd audio_input = unknown;
    pico_usd audio_output = unknown;
    pico_usd image = unknown;
    pico_usd second = unknown; ///< of sound
    pico_usd character = unknown;
    pico_usd request = unknown;

    /// Whether anything is known at all.
    [[nodiscard]] bool any() const noexcept;
    /// Each known price of `over` in place of ours.
    void override_with(const price_list& over) noexcept;

    friend bool operator==(const price_list&, const price_list&) = default;
};

/// Prices of a whole request whose input is above a size.
struct price_tier {
    std::int64_t above_input_tokens = 0; ///< 0: there is no such tier
    pico_usd input = price_list::unknown;
    pico_usd output = price_list::unknown;
    pico_usd cached_input = price_list::unknown;

    friend bool operator==(const price_tier&, const price_tier&) = default;
};
using price_tiers = std::array<price_tier, 2>;

/// What a call used, as it is billed. What is unknown of a price costs as follows: cached input, written
/// input and sound that is heard as input; reasoning and sound that is made as output; everything else
/// nothing. Pictures, sound and characters are billed where a call reports no output tokens: catalogues list
/// both prices of one thing.
struct consumption {
    std::int64_t input = 0;        ///< tokens, as all up to audio_output
    std::int64_t cached_input = 0; ///< part of input, as the next
    std::int64_t cache_write = 0;
    std::int64_t audio_input = 0; ///< part of input
    std::int64_t output = 0;
    std::int64_t reasoning = 0;    ///< part of output
    std::int64_t audio_output = 0; ///< part of output
    std::int64_t images = 0;
    std::int64_t milliseconds = 0; ///< of sound
    std::int64_t characters = 0;
    std::int64_t requests = 1;

    friend bool operator==(const consumption&, const consumption&) = default;
};

/// Exact, before any rounding. Numbers that no call can have (a server may send any) end at the largest
/// amount. A part that is said to be larger than its whole counts as the whole.
[[nodiscard]] pico_usd cost_of(const consumption& used, const price_list& prices,
                               const price_tiers& tiers) noexcept;

} // namespace modelmesh::budget
