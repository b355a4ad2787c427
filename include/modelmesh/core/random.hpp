// The random source that back-off and policies take as a parameter.
#pragma once

#include <cstdint>

namespace modelmesh {

/// Source of random numbers; not for secrets. One object per thread: calls are not synchronised.
class rng {
public:
    virtual ~rng() = default;
    /// Uniform over all 64-bit values.
    virtual std::uint64_t next() noexcept = 0;
    /// Uniform in [0, 1).
    double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
};

/// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64: small, fast, repeatable from its seed.
class xoshiro256 final : public rng {
public:
    explicit xoshiro256(std::uint64_t seed) noexcept;
    std::uint64_t next() noexcept override;

private:
    std::uint64_t state_[4];
};

} // namespace modelmesh
