// One message of a chat, in a request or a reply, and what its content is made of.
#pragma once

#include <modelmesh/json/open.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::chat {

enum class role : std::uint8_t { system, user, assistant, tool, developer, function };

struct image_url {
    std::string url{};                 ///< http(s) or a data URL
    json::maybe<std::string> detail{}; ///< auto, low, high, original
    json::extra extra{};

    friend bool operator==(const image_url&, const image_url&) = default;
};

struct input_audio {
    std::string data{};   ///< base64
    std::string format{}; ///< wav, mp3
    json::extra extra{};

    friend bool operator==(const input_audio&, const input_audio&) = default;
};

struct file_input {
    json::maybe<std::string> file_id{};
    json::maybe<std::string> filename{};
    json::maybe<std::string> file_data{}; ///< a data URL
    json::extra extra{};

    friend bool operator==(const file_input&, const file_input&) = default;
};

/// The prompt up to here may be served from the provider's cache.
struct cache_breakpoint {
    std::string mode = "explicit";
    json::maybe<std::string> ttl{}; ///< 30m, 12h
    json::extra extra{};

    friend bool operator==(const cache_breakpoint&, const cache_breakpoint&) = default;
};

/// One part of a message's content; `type` says which of the other members is set.
struct part {
    std::string type{}; ///< text, image_url, input_audio, file, refusal
    json::maybe<std::string> text{};
    json::maybe<chat::image_url> image_url{};
    json::maybe<chat::input_audio> input_audio{};
    json::maybe<chat::file_input> file{};
    json::maybe<std::string> refusal{};
    json::maybe<cache_breakpoint> prompt_cache_breakpoint{};
    json::extra extra{};

    friend bool operator==(const part&, const part&) = default;
};

/// A plain text, or parts.
using content = std::variant<std::string, std::vector<part>>;

struct function_call {
    std::string name{};
    std::string arguments{}; ///< JSON text written by the model; may be malformed
    json::extra extra{};

    friend bool operator==(const function_call&, const function_call&) = default;
};

struct custom_call {
    std::string name{};
    std::string input{};
    json::extra extra{};

    friend bool operator==(const custom_call&, const custom_call&) = default;
};

struct tool_call {
    std::string id{};
    std::string type = "function"; ///< function, custom
    json::maybe<chat::function_call> function{};
    json::maybe<chat::custom_call> custom{};
    json::extra extra{};

    friend bool operator==(const tool_call&, const tool_call&) = default;
};

struct url_citation {
    std::int64_t start_index = 0; ///< in characters of the message's text
    std::int64_t end_index = 0;
    std::string url{};
    std::string title{};
    json::extra extra{};

    friend bool operator==(const url_citation&, const url_citation&) = default;
};

struct annotation {
    std::string type = "url_citation";
    json::maybe<chat::url_citation> url_citation{};
    json::extra extra{};

    friend bool operator==(const annotation&, const annotation&) = default;
};

/// What an assistant said.
struct audio {
    std::string id{};                       ///< all that a later request needs
    json::maybe<std::int64_t> expires_at{}; ///< seconds since 1970; until then the id is known
    json::maybe<std::string> data{};        ///< base64, in the format that was asked for
    json::maybe<std::string> transcript{};
    json::extra extra{};

    friend bool operator==(const audio&, const audio&) = default;
};

/// A message of a request or of a reply: a reply's message can be appended to the next request as it is.
struct message {
    json::open<chat::role> role{};
    json::maybe<chat::content> content{};
    json::maybe<std::string> name{};
    json::maybe<std::vector<tool_call>> tool_calls{};
    json::maybe<std::string> tool_call_id{};
    json::maybe<std::string> refusal{};
    json::maybe<std::vector<annotation>> annotations{};
    json::maybe<chat::audio> audio{};
    json::maybe<chat::function_call> function_call{}; ///< deprecated by OpenAI
    json::extra extra{};

    /// The content when it is a plain text, the first text among its parts, else empty.
    /// Valid until the message changes.
    [[nodiscard]] std::string_view text() const noexcept;

    friend bool operator==(const message&, const message&) = default;
};

[[nodiscard]] message system(std::string text);
[[nodiscard]] message developer(std::string text);
[[nodiscard]] message user(std::string text);
[[nodiscard]] message user(std::vector<part> parts);
[[nodiscard]] message assistant(std::string text);
/// The answer to a tool call. @param id  the call's id.
[[nodiscard]] message tool_result(std::string id, std::string text);

[[nodiscard]] part text_part(std::string text);
/// @param url  http(s), or a data URL with the image in it.
[[nodiscard]] part image_part(std::string url);

} // namespace modelmesh::chat
