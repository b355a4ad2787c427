// Some of the models of a pool, by their index in it.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace modelmesh::connector {

/// One bit for each model of a pool. Making and copying one allocates only for pools of more than 256; nothing else
/// does. Threads: as a plain value.
class model_set {
public:
    /// Of a pool of `size` models: none of them is in it.
    explicit model_set(std::size_t size) : size_(size), words_((size + 63) / 64) {
        if (words_ > small_.size()) large_.resize(words_);
    }

    /// Models of the pool, in the set or not.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool contains(std::size_t index) const noexcept {
        return index < size_ && (data()[index / 64] >> index % 64 & 1) != 0;
    }
    [[nodiscard]] std::size_t count() const noexcept {
        std::size_t n = 0;
        for (std::size_t i = 0; i < words_; ++i) n += static_cast<std::size_t>(std::popcount(data()[i]));
        return n;
    }
    [[nodiscard]] bool empty() const noexcept { return next(0) == size_; }

    /// @pre index < size().
    void insert(std::size_t index) noexcept { data()[index / 64] |= std::uint64_t{1} << index % 64; }
    void erase(std::size_t index) noexcept { data()[index / 64] &= ~(std::uint64_t{1} << index % 64); }
    void clear() noexcept {
        for (std::size_t i = 0; i < words_; ++i) data()[i] = 0;
    }

    /// The first member at `from` or after it; size() when there is none.
    [[nodiscard]] std::size_t next(std::size_t from) const noexcept {
        if (from >= size_) return size_;
        std::size_t word = from / 64;
        for (std::uint64_t rest = data()[word] >> from % 64 << from % 64;; rest = data()[word]) {
            if (rest != 0) return word * 64 + static_cast<std::size_t>(std::countr_zero(rest));
            if (++word == words_) return size_;
        }
    }
    /// The same, going round: size() only when the set is empty.
    [[nodiscard]] std::size_t next_around(std::size_t from) const noexcept {
        const std::size_t found = next(from);
        return found == size_ ? next(0) : found;
    }
    /// Calls `f(index)` for every member in their order, which must not change the set. Faster than next().
    template <class F> void for_each(F&& f) const {
        const std::uint64_t* const words = data();
        for (std::size_t word = 0; word < words_; ++word)
            for (std::uint64_t rest = words[word]; rest != 0; rest &= rest - 1)
                f(word * 64 + static_cast<std::size_t>(std::countr_zero(rest)));
    }
    /// The member that `rank` others are before. @pre rank < count().
    [[nodiscard]] std::size_t nth(std::size_t rank) const noexcept {
        assert(rank < count());
        std::size_t word = 0;
        for (; rank >= static_cast<std::size_t>(std::popcount(data()[word])); ++word)
            rank -= static_cast<std::size_t>(std::popcount(data()[word]));
        std::uint64_t rest = data()[word];
        for (; rank > 0; --rank) rest &= rest - 1;
        return word * 64 + static_cast<std::size_t>(std::countr_zero(rest));
    }

private:
    [[nodiscard]] std::uint64_t* data() noexcept { return large_.empty() ? small_.data() : large_.data(); }
    [[nodiscard]] const std::uint64_t* data() const noexcept {
        return large_.empty() ? small_.data() : large_.data();
    }

    std::size_t size_;
    std::size_t words_;
    std::array<std::uint64_t, 4> small_{};
    std::vector<std::uint64_t> large_; ///< instead of small_, for large pools
};

} // namespace modelmesh::connector
