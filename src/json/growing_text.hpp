// A JSON document that arrives in pieces, and can be read before it has arrived.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace modelmesh::json::detail {

/// Ends what has arrived of a document as a document of its own: closes open strings, arrays and objects, and holds
/// back what would not stay as it is: a key whose value has not begun, a number that has not ended, half an escape, a
/// character or a literal. So every value is a prefix of the one that will be there in the end. A number at the top is
/// never shown, for nothing ends it.
///
/// This checks nothing: what is no JSON is passed on, for the reader to say what is wrong and where.
/// Cost: each byte is looked at once and copied at most twice; ending the document costs one byte a level.
class growing_text {
public:
    /// @param piece  what comes next, cut anywhere. @returns whether completed() has changed by it.
    bool add(std::string_view piece);
    /// The document so far, and what ends it; empty until its first value has begun. Valid until the next call.
    [[nodiscard]] std::string_view completed();
    /// How much of completed() has arrived: what is behind that only ends it.
    [[nodiscard]] std::size_t arrived() const noexcept { return arrived_; }

private:
    enum class expecting : std::uint8_t {
        value,
        value_or_end,
        key,
        key_or_end,
        colon,
        comma_or_end,
        string, // in the text of a value
        key_text,
        number,
        literal,
        nothing, // it is no JSON
    };

    // Looks at the bytes from `at` on and answers where the next look begins. What is before shown_ may be shown.
    const char* step(const char* at, const char* end);
    const char* text(const char* at, const char* end);
    const char* escape(const char* at, const char* end);
    const char* begin_value(const char* at);
    const char* literal(const char* at, const char* end);
    const char* open(const char* at, char closing, expecting next);
    const char* close(const char* at);
    const char* fail(const char* at) noexcept {
        expecting_ = expecting::nothing;
        return at;
    }
    void show(const char* up_to) noexcept { shown_ = up_to; }

    std::string text_; ///< what may be shown, arrived_ bytes, and behind it what completed() has added
    std::size_t arrived_ = 0;
    std::string held_;    ///< what came after it
    std::string closing_; ///< of what is open, the innermost last
    expecting expecting_ = expecting::value;
    std::string_view literal_;    ///< what is still to come of one
    int escape_ = 0;              ///< bytes of one that have come: `\uD83D\uDE00` has twelve
    std::uint32_t code_ = 0;      ///< its digits
    int continuation_ = 0;        ///< bytes of a character that are still to come
    const char* shown_ = nullptr; ///< in the piece that is being added; null: nothing of it may be shown
};

} // namespace modelmesh::json::detail
