// What the targets share that feed a parser in pieces: the pieces, and the demand that their size is of no
// matter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace fuzz {

/// A copy in memory of exactly its size, so that a sanitizer sees who reads outside of it.
class exact_copy {
public:
    explicit exact_copy(std::string_view piece)
        : memory_(std::make_unique<char[]>(piece.size())), size_(piece.size()) {
        piece.copy(memory_.get(), size_);
    }
    [[nodiscard]] std::string_view view() const noexcept { return {memory_.get(), size_}; }

private:
    std::unique_ptr<char[]> memory_;
    std::size_t size_;
};

/// `run(wire, width)` must give equal outcomes for the whole, for pieces of `width` and for single bytes.
template <class Run> void expect_one_outcome(std::string_view wire, std::size_t width, Run run) {
    const auto whole = run(wire, std::max<std::size_t>(wire.size(), 1));
    if (whole != run(wire, width)) std::abort();
    if (whole != run(wire, 1)) std::abort();
}

/// The bytes after the first one, which holds the target's settings.
inline std::string_view wire_of(const std::uint8_t* data, std::size_t size) noexcept {
    return {reinterpret_cast<const char*>(data) + 1, size - 1};
}

} // namespace fuzz
