// The whole reply to a chat request.
#pragma once

#include <modelmesh/api/chat/message.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/api/usage.hpp>

#include <map>

namespace modelmesh::chat {

/// Why a model stopped.
enum class finish : std::uint8_t { stop, length, tool_calls, content_filter, function_call };

struct top_logprob {
    std::string token{};
    double logprob = 0;
    json::maybe<std::vector<int>> bytes{}; ///< UTF-8; a character may be spread over several tokens
    json::extra extra{};

    friend bool operator==(const top_logprob&, const top_logprob&) = default;
};

struct token_logprob {
    std::string token{};
    double logprob = 0;
    json::maybe<std::vector<int>> bytes{};
    std::vector<top_logprob> top_logprobs{};
    json::extra extra{};

    friend bool operator==(const token_logprob&, const token_logprob&) = default;
};

struct logprobs {
    json::maybe<std::vector<token_logprob>> content{};
    json::maybe<std::vector<token_logprob>> refusal{};
    json::extra extra{};

    friend bool operator==(const logprobs&, const logprobs&) = default;
};

struct moderation_result {
    std::string type = "moderation_result";
    std::string model{};
    bool flagged = false;
    std::map<std::string, bool> categories{};
    std::map<std::string, double> category_scores{};
    std::map<std::string, std::vector<std::string>> category_applied_input_types{};
    json::extra extra{};

    friend bool operator==(const moderation_result&, const moderation_result&) = default;
};

/// `type` says which of the other members are set.
struct moderation_outcome {
    std::string type{}; ///< moderation_results, error
    json::maybe<std::string> model{};
    json::maybe<std::vector<moderation_result>> results{};
    json::maybe<std::string> code{};
    json::maybe<std::string> message{};
    json::extra extra{};

    friend bool operator==(const moderation_outcome&, const moderation_outcome&) = default;
};

struct moderation_report {
    moderation_outcome input{};
    moderation_outcome output{};
    json::extra extra{};

    friend bool operator==(const moderation_report&, const moderation_report&) = default;
};

struct choice {
    std::int64_t index = 0;
    chat::message message{};
    json::maybe<chat::logprobs> logprobs{};
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
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<moderation_report> moderation{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    /// The text of the first choice; empty when there is none. Valid until the reply changes.
    [[nodiscard]] std::string_view text() const noexcept;

    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::chat
