// Text completions as OpenAI's wire format has them: a prompt, and how it goes on. Older than chats, still served
// by most programs that run models.
#pragma once

#include <modelmesh/api/chat/request.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/api/usage.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace modelmesh::text_completions {

/// Texts, or texts as tokens.
using prompt = std::variant<std::string, std::vector<std::string>, std::vector<std::int64_t>,
                            std::vector<std::vector<std::int64_t>>>;

struct request {
    std::string model{}; ///< a capability, a pool or a model
    json::maybe<text_completions::prompt> prompt{};
    json::maybe<std::string> suffix{}; ///< what comes after the completion
    json::maybe<std::int64_t> max_tokens{};
    json::maybe<double> temperature{};
    json::maybe<double> top_p{};
    json::maybe<std::int64_t> n{};
    json::maybe<std::int64_t> best_of{};
    json::maybe<bool> echo{};
    json::maybe<std::int64_t> logprobs{}; ///< how many of the likeliest tokens; 0 to 5
    json::maybe<std::variant<std::string, std::vector<std::string>>> stop{};
    json::maybe<double> frequency_penalty{};
    json::maybe<double> presence_penalty{};
    json::maybe<std::map<std::string, double>> logit_bias{}; ///< token id to bias
    json::maybe<std::int64_t> seed{};
    json::maybe<bool> stream{};
    json::maybe<chat::stream_options> stream_options{};
    json::maybe<std::string> user{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

/// One entry for each token in each list; servers have null where a token has no predecessor.
struct logprobs {
    json::maybe<std::vector<std::int64_t>> text_offset{};
    json::maybe<std::vector<json::maybe<double>>> token_logprobs{};
    json::maybe<std::vector<std::string>> tokens{};
    json::maybe<std::vector<json::maybe<std::map<std::string, double>>>> top_logprobs{};
    json::extra extra{};

    friend bool operator==(const logprobs&, const logprobs&) = default;
};

struct choice {
    std::string text{};
    std::int64_t index = 0;
    json::maybe<text_completions::logprobs> logprobs{};
    json::maybe<std::string>
        finish_reason{}; ///< stop, length, content_filter; null until the end of a stream
    json::extra extra{};

    friend bool operator==(const choice&, const choice&) = default;
};

/// The whole reply, and each chunk of a streamed one.
struct reply {
    std::string id{};
    std::string object = "text_completion";
    std::int64_t created = 0; ///< seconds since 1970
    std::string model{};      ///< the model that answered, as its vendor names it
    std::vector<choice> choices{};
    json::maybe<chat::usage> usage{};
    json::maybe<std::string> system_fingerprint{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    /// Of a stream: this is no part of the reply but a mark, of pools with `streaming.on_failure: restart` alone. The
    /// model failed, and another one begins again: whatever came before is to be thrown away.
    [[nodiscard]] bool restarted() const noexcept { return x_modelmesh && x_modelmesh->restarted == true; }

    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::text_completions
