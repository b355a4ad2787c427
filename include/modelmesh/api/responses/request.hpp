// A request of the Responses API as OpenAI's wire format has it.
#pragma once

#include <modelmesh/api/chat/request.hpp>
#include <modelmesh/api/responses/item.hpp>

namespace modelmesh::responses {

/// How much a model thinks, and what it tells of it.
struct reasoning_options {
    json::maybe<std::string> mode{};             ///< standard, pro
    json::maybe<std::string> effort{};           ///< none, minimal, low, medium, high, xhigh, max
    json::maybe<std::string> summary{};          ///< auto, concise, detailed
    json::maybe<std::string> context{};          ///< auto, current_turn, all_turns
    json::maybe<std::string> generate_summary{}; ///< deprecated by OpenAI
    json::extra extra{};

    friend bool operator==(const reasoning_options&, const reasoning_options&) = default;
};

/// `type` says which of the other members are set.
struct text_format {
    std::string type = "text"; ///< text, json_object, json_schema
    json::maybe<std::string> name{};
    json::maybe<std::string> description{};
    json::maybe<json::raw> schema{};
    json::maybe<bool> strict{};
    json::extra extra{};

    friend bool operator==(const text_format&, const text_format&) = default;
};

struct text_options {
    json::maybe<text_format> format{};
    json::maybe<std::string> verbosity{}; ///< low, medium, high
    json::extra extra{};

    friend bool operator==(const text_options&, const text_options&) = default;
};

struct conversation {
    std::string id{};
    json::extra extra{};

    friend bool operator==(const conversation&, const conversation&) = default;
};

/// A prompt that is kept at the provider.
struct prompt {
    std::string id{};
    json::maybe<std::string> version{};
    json::maybe<std::map<std::string, std::variant<std::string, part>>> variables{};
    json::extra extra{};

    friend bool operator==(const prompt&, const prompt&) = default;
};

struct context_management {
    std::string type = "compaction";
    json::maybe<std::int64_t> compact_threshold{}; ///< tokens
    json::extra extra{};

    friend bool operator==(const context_management&, const context_management&) = default;
};

struct stream_options {
    json::maybe<bool> include_obfuscation{};
    json::extra extra{};

    friend bool operator==(const stream_options&, const stream_options&) = default;
};

/// A plain text, or items.
using input = std::variant<std::string, std::vector<item>>;

struct request {
    json::maybe<std::string> model{}; ///< a capability, a pool or a model
    json::maybe<responses::input> input{};
    json::maybe<std::string> instructions{}; ///< for this request only
    json::maybe<std::string> previous_response_id{};
    json::maybe<std::variant<std::string, responses::conversation>> conversation{};
    json::maybe<responses::prompt> prompt{};
    json::maybe<std::vector<std::string>> include{}; ///< what else the reply shall have
    json::maybe<std::vector<tool>> tools{};
    json::maybe<responses::tool_choice> tool_choice{};
    json::maybe<bool> parallel_tool_calls{};
    json::maybe<std::int64_t> max_tool_calls{};
    json::maybe<text_options> text{};
    json::maybe<reasoning_options> reasoning{};
    json::maybe<std::int64_t> max_output_tokens{};
    json::maybe<double> temperature{};
    json::maybe<double> top_p{};
    json::maybe<std::int64_t> top_logprobs{};
    json::maybe<std::string> truncation{}; ///< auto, disabled
    json::maybe<std::vector<responses::context_management>> context_management{};
    json::maybe<bool> background{};
    json::maybe<bool> stream{};
    json::maybe<responses::stream_options> stream_options{};
    json::maybe<bool> store{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<std::string> service_tier{};
    json::maybe<std::string> user{};
    json::maybe<std::string> safety_identifier{};
    json::maybe<std::string> prompt_cache_key{};
    json::maybe<std::string> prompt_cache_retention{};
    json::maybe<chat::prompt_cache_options> prompt_cache_options{};
    json::maybe<chat::moderation> moderation{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

} // namespace modelmesh::responses
