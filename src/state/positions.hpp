// Where the rotation of a pool stands.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace modelmesh::state {

/// The same few words for each of 16 threads, on cache lines of their own: a rotation that all threads shared would
/// cost each choice a line that another core has just written. Threads beyond 16 share. Relaxed loads and stores,
/// no exchanges: what two threads of one shard lose of each other's is one turn.
class position_table {
public:
    /// @param words  for each thread.
    explicit position_table(std::size_t words)
        : words_(words), lines_((words + line::size - 1) / line::size), shards_(lines_ * shards) {}

    [[nodiscard]] std::size_t words() const noexcept { return words_; }

    /// 0 beyond words().
    [[nodiscard]] double get(std::size_t word) const noexcept { return get_of(own_shard(), word); }
    void set(std::size_t word, double value) noexcept { set_of(own_shard(), word, value); }

    /// Of any shard, for the move to the next snapshot.
    [[nodiscard]] double get_of(std::size_t shard, std::size_t word) const noexcept {
        return word < words_ ? at(shard, word).load(std::memory_order_relaxed) : 0;
    }
    void set_of(std::size_t shard, std::size_t word, double value) noexcept {
        if (word < words_) at(shard, word).store(value, std::memory_order_relaxed);
    }

    static constexpr std::size_t shards = 16;

private:
    struct alignas(128) line { // two lines, because processors fetch them in pairs
        static constexpr std::size_t size = 16;
        std::atomic<double> words[size]{};
    };

    static std::size_t own_shard() noexcept {
        static std::atomic<std::size_t> threads{0}; // relaxed: only different numbers are wanted
        static constinit thread_local std::size_t own = shards;
        if (own == shards) own = threads.fetch_add(1, std::memory_order_relaxed) % shards;
        return own;
    }
    [[nodiscard]] std::atomic<double>& at(std::size_t shard, std::size_t word) noexcept {
        return shards_[shard * lines_ + word / line::size].words[word % line::size];
    }
    [[nodiscard]] const std::atomic<double>& at(std::size_t shard, std::size_t word) const noexcept {
        return shards_[shard * lines_ + word / line::size].words[word % line::size];
    }

    std::size_t words_;
    std::size_t lines_; ///< of one shard
    std::vector<line> shards_;
};

} // namespace modelmesh::state
