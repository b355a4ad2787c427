// A chat that another model can go on with where the first one broke off.
#pragma once

#include <modelmesh/api/chat.hpp>
#include <modelmesh/connector/prepared_request.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/json/read.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace modelmesh::router {

/// Remembers the text of a stream, and makes the chunks of several models those of one reply. No I/O.
/// Cost: each chunk is read once more; those of later models are written anew.
class continuation {
public:
    /// What is longer is not remembered, and cannot be gone on with.
    static constexpr std::size_t longest_text = 1024 * 1024;

    /// Whether the reply to the request is one text, as far as the request says: one choice, no structured output.
    [[nodiscard]] static bool is_for(const prepared_request& asked);

    /// Looks at the next chunk, and replaces it by what the reader is to see instead. False: nothing, it only
    /// announces a model the reader need not know of. Errors: protocol, it is no chunk.
    [[nodiscard]] result<bool> take(std::string_view& json);

    /// Whether there is text to go on with, and nothing but text.
    [[nodiscard]] bool is_possible() const noexcept;
    /// Asks what was asked with the text so far as the last message, of the assistant (prefix continuation).
    [[nodiscard]] result<std::shared_ptr<const prepared_request>> request_for(
        const prepared_request& asked) const;
    /// The chunks from now on are another model's.
    void move_on() noexcept { has_moved_ = true; }

private:
    void note(const chat::chunk& chunk);

    json::reader reader_;
    chat::chunk chunk_;
    std::string text_;
    std::string id_; ///< of the first chunk, as the next
    std::int64_t created_ = 0;
    std::string rewritten_;
    bool is_plain_ = true;     ///< nothing but text
    bool is_finished_ = false; ///< the model has said why it ended
    bool has_moved_ = false;
};

} // namespace modelmesh::router
