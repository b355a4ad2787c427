// Chat completions as the vendor writes them: what a request asks for, and the bytes of each reply.
// Independent of the library's codecs, so that tests of those do not compare them with themselves.
#pragma once

#include "answer.hpp"
#include "script.hpp"
#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace modelmesh::testing::detail {

/// What the simulator needs to know of a chat request.
struct chat_request {
    std::string model;
    bool stream = false;
    bool include_usage = false;
    std::size_t choices = 1;
    std::optional<std::uint64_t> limit; ///< max_completion_tokens, or the older max_tokens
    std::string question;               ///< text of the last user message
    std::uint64_t prompt_tokens = 0;
};

/// Reads the request or says, as the vendor would, why it is refused.
std::variant<chat_request, refusal> read_chat_request(std::string_view body);

std::string model_body(std::string_view id);
std::string models_body(const std::vector<std::string>& ids);

boost::json::object chat_usage(std::uint64_t prompt, std::uint64_t completion);

/// What a model says: the text of the rule, or the default text, within the limit of the request.
struct generated_text {
    std::string text;
    std::vector<std::string> tokens; ///< of the text
    bool limited = false;            ///< the limit took something away
};

/// @param question  what the default text repeats
/// @param provider  name of the simulator, part of the default text
/// @param calls     the answer may consist of tool calls alone, without a text
generated_text generate_text(const rule& how, std::string_view question, std::string_view provider,
                             std::string_view model, std::optional<std::uint64_t> limit, bool calls);

/// The pieces in which the arguments of a call are streamed.
std::vector<std::string> split_arguments(const std::string& arguments);

/// One answer, written whole or event by event.
class chat_answer final : public answer {
public:
    /// @param provider  name of the simulator, part of the default text
    /// @param serial    makes the ids
    chat_answer(const chat_request& request, const rule& how, std::string_view provider,
                std::uint64_t serial);

    delivery form() const override { return request_.stream ? delivery::events : delivery::whole; }
    std::string body() const override;
    std::size_t event_count() const override;
    stream_event event(std::size_t position) const override;

private:
    /// What one delta adds: a piece of text, or a piece of a call.
    struct fragment {
        std::optional<std::size_t> call; ///< index of the tool call
        bool opens = false;              ///< the first of its call: carries the id and the name
        std::string text;
    };

    std::string call_id(std::size_t choice, std::size_t call) const;

    chat_request request_;
    std::uint64_t serial_ = 0;
    std::string id_;
    std::int64_t created_ = 0;
    std::string text_;
    std::vector<scripted_call> calls_;
    std::vector<fragment> fragments_;
    std::string finish_reason_;
    std::uint64_t completion_tokens_ = 0;
};

} // namespace modelmesh::testing::detail
