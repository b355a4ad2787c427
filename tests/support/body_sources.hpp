// Body sources of the tests: how much is read of them, and when they fail, is the test's.
#pragma once

#include <modelmesh/http/body_source.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace support {

/// Gives `size` bytes that differ by their place, in pieces.
class counted_source final : public modelmesh::http::body_source {
public:
    static constexpr std::size_t period = 251; // a prime: no frame or buffer repeats with it

    explicit counted_source(std::size_t size, std::size_t piece = 64 * 1024) : size_(size), piece_(piece) {}

    [[nodiscard]] std::optional<std::uint64_t> length() const noexcept override { return announced; }
    [[nodiscard]] modelmesh::task<modelmesh::result<std::optional<std::string_view>>> read() override {
        using piece = std::optional<std::string_view>;
        if (is_slow) co_await boost::asio::post(boost::asio::use_awaitable);
        if (reads == stuck_at) {
            boost::asio::steady_timer endless(co_await boost::asio::this_coro::executor,
                                              boost::asio::steady_timer::time_point::max());
            co_await endless.async_wait(boost::asio::use_awaitable);
        }
        if (reads == throws_at) throw std::runtime_error("the source threw");
        if (reads++ == fails_at) co_return modelmesh::fault(modelmesh::errc::storage, "the source failed");
        memory_ = bytes(position_, std::min(piece_, size_ - position_));
        position_ += memory_.size();
        if (memory_.empty()) co_return piece();
        co_return piece(memory_);
    }
    [[nodiscard]] bool rewind() override {
        ++rewinds;
        position_ = 0;
        return may_rewind;
    }

    static std::string bytes(std::size_t from, std::size_t count) {
        std::string once(period, '\0');
        for (std::size_t i = 0; i < period; ++i) once[i] = static_cast<char>((from + i) % period);
        std::string made;
        made.reserve(count + period);
        while (made.size() < count) made += once;
        made.resize(count);
        return made;
    }

    static constexpr std::size_t never = static_cast<std::size_t>(-1);
    std::optional<std::uint64_t> announced;
    std::size_t fails_at = never;  ///< of the reads
    std::size_t throws_at = never; ///< of the reads
    std::size_t stuck_at = never;
    std::size_t reads = 0;
    std::size_t rewinds = 0;
    bool may_rewind = true;
    bool is_slow = false; ///< gives way before each piece

private:
    std::size_t size_;
    std::size_t piece_;
    std::size_t position_ = 0;
    std::string memory_;
};

} // namespace support
