// Server-sent events: cuts the bytes of a stream into events, without I/O and, wherever it can, without
// copying.
//
// Line ends are LF, CR or CRLF, in any mixture. `data` lines join with LF, one blank after the colon is
// dropped, comments are counted, `id`, `retry` and unknown fields are ignored, and an event without a data
// line is none.
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::proto {

/// One event. The views are valid until the next call of next() or feed(), and while the slice that was fed
/// is; 64 bytes past the end of `data` may be read (of the slice by the contract of its owner, else of our
/// own buffer).
struct sse_event {
    std::string_view event; ///< name of the event, empty when it has none
    std::string_view data;
};

/// Takes slices, gives events: feed one, call next() until it answers false, feed the following one.
/// An event that lies inside one slice is given as views into it; only what straddles slices, or has several
/// data lines, is copied.
class sse_decoder {
public:
    static constexpr std::size_t default_limit = 8 * 1024 * 1024;
    static constexpr std::size_t padding = 64;

    /// @param event_limit  bytes that one event, or one comment, may have on the wire.
    explicit sse_decoder(std::size_t event_limit = default_limit) noexcept : limit_(event_limit) {}

    /// @pre next() has answered false since the last slice. The slice must live until then.
    void feed(std::string_view slice) noexcept;
    /// True: `out` is the next event. False: the slice is used up.
    /// Errors: protocol when an event exceeds the limit; every later call fails the same way.
    result<bool> next(sse_event& out);
    /// The stream ended. Errors: protocol when it ended inside an event, which is not delivered.
    [[nodiscard]] result<void> finish() const;

    [[nodiscard]] std::uint64_t events() const noexcept { return events_; }
    /// Comment lines seen: providers send them to keep a quiet connection open.
    [[nodiscard]] std::uint64_t comments() const noexcept { return comments_; }
    [[nodiscard]] std::uint64_t bytes_copied() const noexcept { return bytes_copied_; }

private:
    /// What the complete lines of the current event have said so far.
    struct fields {
        std::string_view event;
        std::string_view data;
        std::uint64_t data_lines = 0;
    };

    void skip_byte_order_mark();
    std::size_t find_line_end() noexcept;
    void end_line(std::size_t line_end);
    bool end_event(sse_event& out);
    void take_line(std::string_view line);
    void take_lines(std::string_view block);
    void carry_over();
    [[nodiscard]] bool line_begins_in_slice() const noexcept { return carry_.size() == carry_line_; }
    [[nodiscard]] fault too_long() const;

    std::size_t limit_;
    std::string_view slice_;
    std::size_t start_ = 0;   ///< first byte of the slice that belongs to the current event
    std::size_t cursor_ = 0;  ///< where the current line starts, or goes on, in the slice
    std::size_t next_lf_ = 0; ///< the first LF at or after cursor_, unless it is before cursor_
    std::size_t mark_ = 0;    ///< bytes of the byte order mark seen at the start of the stream
    bool past_mark_ = false;
    bool after_cr_ = false; ///< the last line ended with CR: an LF right after it belongs to it
    bool failed_ = false;
    std::string carry_;          ///< the current event's bytes from earlier slices
    std::size_t carry_line_ = 0; ///< where the current line starts in carry_
    bool carry_used_ = false;    ///< carry_ belongs to an event that is over, which views may still point to
    std::string joined_;         ///< data lines of one event, joined
    fields fields_;
    std::uint64_t events_ = 0;
    std::uint64_t comments_ = 0;
    std::uint64_t bytes_copied_ = 0;
};

} // namespace modelmesh::proto
