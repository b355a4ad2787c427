// Where chunks come from when the ring cannot lend them: the reactor's receive buffers and TLS's plaintext,
// and the lender that turns the ring's own buffers into chunks.
#pragma once

#include "net/chunk.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace modelmesh::net {

/// Equal buffers, each followed by chunk::padding readable bytes. Buffers given back are kept for reuse up to
/// a limit, so the steady state allocates nothing. Lives until every handle and every chunk is gone. Threads:
/// one.
class buffer_pool final : public chunk_lender {
public:
    static constexpr std::size_t buffer_size = 16 * 1024; // the plaintext of one TLS record

    struct release {
        void operator()(buffer_pool* pool) const noexcept { pool->drop_handle(); }
    };
    using handle = std::unique_ptr<buffer_pool, release>;
    /// @param kept  how many idle buffers to hold on to.
    static handle make(std::size_t kept);
    [[nodiscard]] handle share() noexcept;

    [[nodiscard]] std::size_t lent() const noexcept { return lent_; }
    [[nodiscard]] std::size_t handles() const noexcept { return handles_; }

    /// A buffer that is not lent yet: goes back by itself unless it is turned into a chunk.
    class slot {
    public:
        explicit slot(buffer_pool& pool) : pool_(&pool), memory_(pool.take()) {}
        slot(slot&& other) noexcept : pool_(other.pool_), memory_(std::exchange(other.memory_, nullptr)) {}
        slot& operator=(slot&&) = delete;
        ~slot() {
            if (memory_ != nullptr) pool_->give_back(memory_, 0);
        }
        [[nodiscard]] char* data() const noexcept { return memory_; }
        [[nodiscard]] chunk lend(std::size_t size) noexcept {
            char* const memory = std::exchange(memory_, nullptr);
            return chunk(*pool_, memory, memory, size, 0);
        }

    private:
        buffer_pool* pool_;
        char* memory_;
    };

    void give_back(char* memory, std::uint32_t tag) noexcept override;

private:
    explicit buffer_pool(std::size_t kept) : kept_(kept) { idle_.reserve(kept); }
    ~buffer_pool();
    char* take();
    void drop_handle() noexcept;

    std::vector<char*> idle_;
    std::size_t kept_;
    std::size_t lent_ = 0;
    std::size_t handles_ = 1;
};

} // namespace modelmesh::net
