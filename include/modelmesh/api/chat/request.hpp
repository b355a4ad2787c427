// A chat request as OpenAI's wire format has it.
#pragma once

#include <modelmesh/api/chat/message.hpp>

#include <map>

namespace modelmesh::chat {

// ----------------------------------------------------------------------------------------------------
// tools

struct function_definition {
    std::string name{};
    json::maybe<std::string> description{};
    json::maybe<json::raw> parameters{}; ///< JSON Schema
    json::maybe<bool> strict{};
    json::extra extra{};

    friend bool operator==(const function_definition&, const function_definition&) = default;
};

struct grammar {
    std::string definition{};
    std::string syntax{}; ///< lark, regex
    json::extra extra{};

    friend bool operator==(const grammar&, const grammar&) = default;
};

struct custom_format {
    std::string type = "text"; ///< text, grammar
    json::maybe<chat::grammar> grammar{};
    json::extra extra{};

    friend bool operator==(const custom_format&, const custom_format&) = default;
};

/// A tool whose input is a text and no JSON.
struct custom_definition {
    std::string name{};
    json::maybe<std::string> description{};
    json::maybe<custom_format> format{};
    json::extra extra{};

    friend bool operator==(const custom_definition&, const custom_definition&) = default;
};

struct tool {
    std::string type = "function"; ///< function, custom
    json::maybe<function_definition> function{};
    json::maybe<custom_definition> custom{};
    json::extra extra{};

    friend bool operator==(const tool&, const tool&) = default;
};

struct tool_name {
    std::string name{};
    json::extra extra{};

    friend bool operator==(const tool_name&, const tool_name&) = default;
};

struct allowed_tools {
    std::string mode = "auto";      ///< auto, required
    std::vector<json::raw> tools{}; ///< as in the request's tools, but only what names them
    json::extra extra{};

    friend bool operator==(const allowed_tools&, const allowed_tools&) = default;
};

struct chosen_tool {
    std::string type = "function"; ///< function, custom, allowed_tools
    json::maybe<tool_name> function{};
    json::maybe<tool_name> custom{};
    json::maybe<chat::allowed_tools> allowed_tools{};
    json::extra extra{};

    friend bool operator==(const chosen_tool&, const chosen_tool&) = default;
};

// ----------------------------------------------------------------------------------------------------
// the answer's form

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
    json::maybe<bool> include_usage{}; ///< true: the last chunk has the totals, and nothing else
    json::maybe<bool> include_obfuscation{};
    json::extra extra{};

    friend bool operator==(const stream_options&, const stream_options&) = default;
};

struct custom_voice {
    std::string id{};
    json::extra extra{};

    friend bool operator==(const custom_voice&, const custom_voice&) = default;
};

struct audio_output {
    std::variant<std::string, custom_voice> voice{};
    std::string format{}; ///< wav, mp3, flac, opus, pcm16, aac
    json::extra extra{};

    friend bool operator==(const audio_output&, const audio_output&) = default;
};

/// What the answer will mostly be, which makes it faster.
struct prediction {
    std::string type = "content";
    chat::content content{};
    json::extra extra{};

    friend bool operator==(const prediction&, const prediction&) = default;
};

// ----------------------------------------------------------------------------------------------------
// searching, checking, caching

struct approximate_location {
    json::maybe<std::string> country{}; ///< ISO 3166-1, two letters
    json::maybe<std::string> region{};
    json::maybe<std::string> city{};
    json::maybe<std::string> timezone{}; ///< IANA
    json::extra extra{};

    friend bool operator==(const approximate_location&, const approximate_location&) = default;
};

struct user_location {
    std::string type = "approximate";
    approximate_location approximate{};
    json::extra extra{};

    friend bool operator==(const user_location&, const user_location&) = default;
};

struct web_search_options {
    json::maybe<chat::user_location> user_location{};
    json::maybe<std::string> search_context_size{}; ///< low, medium, high
    json::extra extra{};

    friend bool operator==(const web_search_options&, const web_search_options&) = default;
};

struct moderation_rule {
    std::string mode{}; ///< score, block
    json::extra extra{};

    friend bool operator==(const moderation_rule&, const moderation_rule&) = default;
};

struct moderation_policy {
    json::maybe<moderation_rule> input{};
    json::maybe<moderation_rule> output{};
    json::extra extra{};

    friend bool operator==(const moderation_policy&, const moderation_policy&) = default;
};

struct moderation {
    std::string model{};
    json::maybe<moderation_policy> policy{};
    json::extra extra{};

    friend bool operator==(const moderation&, const moderation&) = default;
};

struct prompt_cache_options {
    json::maybe<std::string> ttl{};  ///< 30m
    json::maybe<std::string> mode{}; ///< implicit, explicit
    json::extra extra{};

    friend bool operator==(const prompt_cache_options&, const prompt_cache_options&) = default;
};

// ----------------------------------------------------------------------------------------------------

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
    json::maybe<std::map<std::string, double>> logit_bias{}; ///< token id to bias
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
    json::maybe<audio_output> audio{};
    json::maybe<chat::prediction> prediction{};
    json::maybe<std::string> service_tier{};
    json::maybe<bool> store{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<std::string> user{};
    json::maybe<std::string> safety_identifier{};
    json::maybe<std::string> prompt_cache_key{};
    json::maybe<std::string> prompt_cache_retention{};
    json::maybe<chat::prompt_cache_options> prompt_cache_options{};
    json::maybe<chat::web_search_options> web_search_options{};
    json::maybe<chat::moderation> moderation{};
    json::maybe<std::vector<function_definition>> functions{};         ///< deprecated by OpenAI
    json::maybe<std::variant<std::string, tool_name>> function_call{}; ///< deprecated by OpenAI
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

} // namespace modelmesh::chat
