// What a model's tokens cost.
#pragma once

#include <cstdint>

namespace modelmesh {

/// In pico-USD (1e-12 USD) per token: 2.50 USD per million tokens are 2'500'000.
struct token_price {
    std::int64_t input{0};
    std::int64_t output{0};
};

} // namespace modelmesh
