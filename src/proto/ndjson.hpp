// Newline-delimited JSON (application/x-ndjson): cuts the bytes of a stream into lines, without I/O and,
// wherever it can, without copying. What a line holds is its reader's affair.
#pragma once

#include <modelmesh/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::proto {

/// Takes slices, gives lines: feed one, call next() until it answers false, feed the following one. Lines end
/// with LF or CRLF; those without anything but blanks are passed over. A line that lies inside one slice is
/// given as a view into it; only what straddles slices is copied.
class ndjson_decoder {
public:
    static constexpr std::size_t default_limit = 8 * 1024 * 1024;
    static constexpr std::size_t padding = 64;

    /// @param line_limit  bytes that one line may have.
    explicit ndjson_decoder(std::size_t line_limit = default_limit) noexcept : limit_(line_limit) {}

    /// @pre next() has answered false since the last slice. The slice must live until then.
    void feed(std::string_view slice) noexcept { slice_ = slice; }
    /// True: `line` is the next one, valid until the next call of any function, and while the slice is; 64
    /// bytes past its end may be read (of the slice by the contract of its owner). False: the slice is used
    /// up. Errors: protocol when a line exceeds the limit; every later call fails the same way.
    result<bool> next(std::string_view& line);
    /// The stream ended in order. True: `line` is the last one, whose end was left out. Errors: as above.
    result<bool> finish(std::string_view& line);

    [[nodiscard]] std::uint64_t lines() const noexcept { return lines_; }
    [[nodiscard]] std::uint64_t bytes_copied() const noexcept { return bytes_copied_; }

private:
    bool give(std::string_view text, std::string_view& line) noexcept;
    std::string_view padded_carry();
    [[nodiscard]] fault too_long() const;

    std::size_t limit_;
    std::string_view slice_;  // what is left of it
    std::string carry_;       // the beginning of a line, from earlier slices
    bool carry_used_ = false; // it is a line that was given out
    bool failed_ = false;
    std::uint64_t lines_ = 0;
    std::uint64_t bytes_copied_ = 0;
};

} // namespace modelmesh::proto
