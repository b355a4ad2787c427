// Chat completions as OpenAI's wire format has them: request, reply, and the chunks of a streamed reply.
//
// Plain aggregates, members named and ordered as on the wire. What the types do not name is kept in `extra`
// and written back. A `json::maybe` member is left out when it was not set, which is not the same as its
// default. g++ 12: name a request before awaiting a call with it; the deleted overloads of chat::completions
// insist.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/api/usage.hpp>
#include <modelmesh/json/detail/descriptor.hpp>
#include <modelmesh/json/fields.hpp>
#include <modelmesh/json/open.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::chat {

enum class role : std::uint8_t { system, user, assistant, tool, developer, function };

/// Why a model stopped.
enum class finish : std::uint8_t { stop, length, tool_calls, content_filter, function_call };

// ----------------------------------------------------------------------------------------------------
// messages

struct image_url {
    std::string url{}; ///< http(s) or a data URL
    json::maybe<std::string> detail{};
    json::extra extra{};

    friend bool operator==(const image_url&, const image_url&) = default;
};

struct input_audio {
    std::string data{}; ///< base64
    std::string format{};
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

/// One part of a message's content; `type` says which of the other members is set.
struct part {
    std::string type{}; ///< text, image_url, input_audio, file, refusal
    json::maybe<std::string> text{};
    json::maybe<chat::image_url> image_url{};
    json::maybe<chat::input_audio> input_audio{};
    json::maybe<chat::file_input> file{};
    json::maybe<std::string> refusal{};
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

/// A message of a request or of a reply: a reply's message can be appended to the next request as it is.
struct message {
    json::open<chat::role> role{};
    json::maybe<chat::content> content{};
    json::maybe<std::string> name{};
    json::maybe<std::vector<tool_call>> tool_calls{};
    json::maybe<std::string> tool_call_id{};
    json::maybe<std::string> refusal{};
    json::maybe<json::raw> annotations{};
    json::maybe<json::raw> audio{};
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

// ----------------------------------------------------------------------------------------------------
// request

struct function_definition {
    std::string name{};
    json::maybe<std::string> description{};
    json::maybe<json::raw> parameters{}; ///< JSON Schema
    json::maybe<bool> strict{};
    json::extra extra{};

    friend bool operator==(const function_definition&, const function_definition&) = default;
};

struct tool {
    std::string type = "function"; ///< function, custom
    json::maybe<function_definition> function{};
    json::maybe<json::raw> custom{};
    json::extra extra{};

    friend bool operator==(const tool&, const tool&) = default;
};

struct tool_name {
    std::string name{};
    json::extra extra{};

    friend bool operator==(const tool_name&, const tool_name&) = default;
};

struct chosen_tool {
    std::string type = "function"; ///< function, custom, allowed_tools
    json::maybe<tool_name> function{};
    json::maybe<tool_name> custom{};
    json::maybe<json::raw> allowed_tools{};
    json::extra extra{};

    friend bool operator==(const chosen_tool&, const chosen_tool&) = default;
};

struct json_schema {
    std::string name{};
    json::maybe<std::string> description{};
    json::maybe<json::raw> schema{};
    json::maybe<bool> strict{};
    json::extra extra{};

    friend bool operator==(const json_schema&, const json_schema&) = default;
};

struct response_format {
    std::string type = "text"; ///< text, json_object, json_schema
    json::maybe<chat::json_schema> json_schema{};
    json::extra extra{};

    friend bool operator==(const response_format&, const response_format&) = default;
};

struct stream_options {
    json::maybe<bool> include_usage{}; ///< false: the chunk that has only the totals is kept from the reader
    json::maybe<bool> include_obfuscation{};
    json::extra extra{};

    friend bool operator==(const stream_options&, const stream_options&) = default;
};

struct request {
    std::string model{}; ///< a capability, a pool or a model
    std::vector<message> messages{};
    json::maybe<std::int64_t> max_completion_tokens{};
    json::maybe<std::int64_t> max_tokens{}; ///< deprecated by OpenAI, still what most servers know
    json::maybe<double> temperature{};
    json::maybe<double> top_p{};
    json::maybe<std::int64_t> n{};
    json::maybe<std::variant<std::string, std::vector<std::string>>> stop{};
    json::maybe<double> frequency_penalty{};
    json::maybe<double> presence_penalty{};
    json::maybe<json::raw> logit_bias{}; ///< token id to bias
    json::maybe<bool> logprobs{};
    json::maybe<std::int64_t> top_logprobs{};
    json::maybe<std::int64_t> seed{};
    json::maybe<bool> stream{};
    json::maybe<chat::stream_options> stream_options{};
    json::maybe<std::vector<tool>> tools{};
    json::maybe<std::variant<std::string, chosen_tool>>
        tool_choice{}; ///< "none", "auto", "required", or one tool
    json::maybe<bool> parallel_tool_calls{};
    json::maybe<chat::response_format> response_format{};
    json::maybe<std::string> reasoning_effort{};
    json::maybe<std::string> verbosity{};
    json::maybe<std::vector<std::string>> modalities{};
    json::maybe<json::raw> audio{};
    json::maybe<json::raw> prediction{};
    json::maybe<std::string> service_tier{};
    json::maybe<bool> store{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<std::string> user{};
    json::maybe<std::string> safety_identifier{};
    json::maybe<std::string> prompt_cache_key{};
    json::maybe<std::string> prompt_cache_retention{};
    json::maybe<json::raw> prompt_cache_options{};
    json::maybe<json::raw> web_search_options{};
    json::maybe<json::raw> moderation{};
    json::maybe<json::raw> functions{};     ///< deprecated by OpenAI
    json::maybe<json::raw> function_call{}; ///< deprecated by OpenAI
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

// ---------------------------------------------------------------------------------------------------- reply

struct choice {
    std::int64_t index = 0;
    chat::message message{};
    json::maybe<json::raw> logprobs{};
    json::maybe<json::open<finish>> finish_reason{};
    json::extra extra{};

    friend bool operator==(const choice&, const choice&) = default;
};

struct reply {
    std::string id{};
    std::string object = "chat.completion";
    std::int64_t created = 0; ///< seconds since 1970
    std::string model{};      ///< the model that answered, as its vendor names it
    std::vector<choice> choices{};
    json::maybe<chat::usage> usage{};
    json::maybe<std::string> service_tier{};
    json::maybe<std::string> system_fingerprint{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    /// The text of the first choice; empty when there is none. Valid until the reply changes.
    [[nodiscard]] std::string_view text() const noexcept;

    friend bool operator==(const reply&, const reply&) = default;
};

// ---------------------------------------------------------------------------------------------------- stream
// Every string of a chunk is a view into the received bytes: valid until the next read of the stream.

struct function_delta {
    json::maybe<std::string_view> name{};
    json::maybe<std::string_view> arguments{}; ///< to be appended to what came before under the same index
    json::extra_view extra{};

    friend bool operator==(const function_delta&, const function_delta&) = default;
};

struct tool_call_delta {
    std::int64_t index = 0;
    json::maybe<std::string_view> id{};
    json::maybe<std::string_view> type{};
    json::maybe<function_delta> function{};
    json::extra_view extra{};

    friend bool operator==(const tool_call_delta&, const tool_call_delta&) = default;
};

struct delta {
    json::maybe<std::string_view> role{}; ///< in the first chunk
    json::maybe<std::string_view> content{};
    json::maybe<std::string_view> refusal{};
    json::maybe<std::vector<tool_call_delta>> tool_calls{};
    json::extra_view extra{};

    friend bool operator==(const delta&, const delta&) = default;
};

struct chunk_choice {
    std::int64_t index = 0;
    chat::delta delta{};
    json::maybe<json::raw_view> logprobs{};
    json::maybe<std::string_view> finish_reason{}; ///< null until the last chunk of the choice
    json::extra_view extra{};

    friend bool operator==(const chunk_choice&, const chunk_choice&) = default;
};

struct chunk {
    std::string_view id{};
    std::string_view object = "chat.completion.chunk";
    std::int64_t created = 0;
    std::string_view model{};
    json::maybe<std::string_view> service_tier{};
    json::maybe<std::string_view> system_fingerprint{};
    json::maybe<std::string_view> obfuscation{};
    std::vector<chunk_choice> choices{};
    json::maybe<chat::usage> usage{};
    json::extra_view extra{};

    /// The text that this chunk adds to the first choice; empty when it adds none.
    [[nodiscard]] std::string_view text() const noexcept;

    friend bool operator==(const chunk&, const chunk&) = default;
};

/// One chunk of a stream. Light, and copied freely; everything reached through it lives until the next read
/// of the stream that returned it.
class chunk_view {
public:
    chunk_view() = default;
    /// @param value  the chunk as read. @param json  the bytes that it was read from.
    chunk_view(const chunk& value, std::string_view json) noexcept : value_(&value), json_(json) {}

    /// True unless default-constructed; the other functions need a chunk.
    [[nodiscard]] explicit operator bool() const noexcept { return value_ != nullptr; }

    /// The text that this chunk adds to the first choice; empty when it adds none.
    [[nodiscard]] std::string_view text() const noexcept { return value_->text(); }
    /// Set in the first chunk only, else empty.
    [[nodiscard]] std::string_view role() const noexcept;
    /// Why the first choice ended; empty until then. Compare with json::name_of(chat::finish::stop), or
    /// "stop".
    [[nodiscard]] std::string_view finish_reason() const noexcept;
    /// Totals, in the chunk that has them, else null.
    [[nodiscard]] const chat::usage* usage() const noexcept {
        return value_->usage ? &*value_->usage : nullptr;
    }
    /// Every member.
    [[nodiscard]] const chunk& value() const noexcept { return *value_; }
    /// The bytes of the chunk as they were received.
    [[nodiscard]] std::string_view json() const noexcept { return json_; }

private:
    const chunk* value_ = nullptr;
    std::string_view json_;
};

} // namespace modelmesh::chat

// The library has these tables already: users do not instantiate them again.
namespace modelmesh::json::detail {
extern template const descriptor& describe<chat::request>() noexcept;
extern template const descriptor& describe<chat::message>() noexcept;
extern template const descriptor& describe<chat::tool_call>() noexcept;
extern template const descriptor& describe<chat::usage>() noexcept;
extern template const descriptor& describe<chat::reply>() noexcept;
extern template const descriptor& describe<chat::chunk>() noexcept;
extern template const descriptor& describe<route>() noexcept;
} // namespace modelmesh::json::detail
