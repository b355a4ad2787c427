// Replies that arrive piece by piece.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/core/task.hpp>

#include <memory>
#include <optional>
#include <string_view>

namespace modelmesh {

namespace detail {
template <class Item> class item_source;
class stream_opener;
} // namespace detail

/// A reply in pieces: events, or bytes, which are views that live until the next read. Move-only; destroying it
/// cancels what is left of the reply at the provider. One reader at a time, on the executor that opened the
/// stream.
template <class Item> class item_stream {
public:
    item_stream(item_stream&&) noexcept = default;
    item_stream& operator=(item_stream&&) noexcept = default;

    /// Waits for the next piece; nothing means that the reply is complete. Failures after the first piece are
    /// never repaired silently: with `streaming.on_failure: restart` of the pool, responses and text completions
    /// begin again behind a mark (their restarted()); else the read fails.
    /// @throws error  protocol (the reply was cut short), connect, timed_out (nothing for 30 s), canceled, and
    ///         what the provider reports. Cancellation: all types; nothing that came after what was read is
    ///         promised afterwards.
    [[nodiscard]] task<std::optional<Item>> next();
    [[nodiscard]] task<result<std::optional<Item>>> try_read();

    /// Who serves this stream, and which attempt it was. Of a stream that went on elsewhere: who serves it now.
    [[nodiscard]] const modelmesh::route& route() const noexcept;

private:
    friend class detail::stream_opener;
    explicit item_stream(std::shared_ptr<detail::item_source<Item>> source) noexcept
        : source_(std::move(source)) {}
    std::shared_ptr<detail::item_source<Item>> source_; ///< shared with a read under way on another thread
};

/// The bytes of a reply.
using byte_stream = item_stream<std::string_view>;

} // namespace modelmesh
