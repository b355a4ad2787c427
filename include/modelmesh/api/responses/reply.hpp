// The reply of the Responses API as OpenAI's wire format has it.
#pragma once

#include <modelmesh/api/responses/request.hpp>
#include <modelmesh/api/route.hpp>

namespace modelmesh::responses {

struct input_details {
    json::maybe<std::int64_t> cached_tokens{}; ///< part of input_tokens
    json::maybe<std::int64_t> cache_write_tokens{};
    json::extra extra{};

    friend bool operator==(const input_details&, const input_details&) = default;
};

struct output_details {
    json::maybe<std::int64_t> reasoning_tokens{}; ///< part of output_tokens
    json::extra extra{};

    friend bool operator==(const output_details&, const output_details&) = default;
};

struct usage {
    std::int64_t input_tokens = 0;
    json::maybe<input_details> input_tokens_details{};
    std::int64_t output_tokens = 0;
    json::maybe<output_details> output_tokens_details{};
    std::int64_t total_tokens = 0;
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

/// Why there is no answer.
struct failure {
    std::string code{}; ///< server_error, rate_limit_exceeded, invalid_prompt, ...
    std::string message{};
    json::extra extra{};

    friend bool operator==(const failure&, const failure&) = default;
};

/// Why an answer was cut short.
struct incomplete_details {
    json::maybe<std::string> reason{}; ///< max_output_tokens, content_filter
    json::extra extra{};

    friend bool operator==(const incomplete_details&, const incomplete_details&) = default;
};

/// `type` says which of the other members are set.
struct moderation_outcome {
    std::string type{}; ///< moderation_result, error
    json::maybe<std::string> model{};
    json::maybe<bool> flagged{};
    json::maybe<std::map<std::string, bool>> categories{};
    json::maybe<std::map<std::string, double>> category_scores{};
    json::maybe<std::map<std::string, std::vector<std::string>>>
        category_applied_input_types{}; ///< text, image
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

struct reply {
    std::string id{};
    std::string object = "response";
    double created_at = 0;             ///< seconds since 1970; some servers send fractions
    json::maybe<std::string> status{}; ///< completed, failed, in_progress, cancelled, queued, incomplete
    json::maybe<double> completed_at{};
    json::maybe<failure> error{};
    json::maybe<responses::incomplete_details> incomplete_details{};
    json::maybe<responses::input> instructions{};
    json::maybe<std::string> model{}; ///< the model that answered, as its vendor names it
    std::vector<item> output{};
    json::maybe<std::string> output_text{}; ///< few servers send it; see text()
    json::maybe<std::string> previous_response_id{};
    json::maybe<responses::conversation> conversation{};
    json::maybe<responses::prompt> prompt{};
    json::maybe<std::vector<tool>> tools{};
    json::maybe<responses::tool_choice> tool_choice{};
    json::maybe<bool> parallel_tool_calls{};
    json::maybe<std::int64_t> max_tool_calls{};
    json::maybe<responses::text_options> text_options{}; ///< `text` on the wire
    json::maybe<reasoning_options> reasoning{};
    json::maybe<std::int64_t> max_output_tokens{};
    json::maybe<double> temperature{};
    json::maybe<double> top_p{};
    json::maybe<std::int64_t> top_logprobs{};
    json::maybe<std::string> truncation{};
    json::maybe<bool> background{};
    json::maybe<responses::usage> usage{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<std::string> service_tier{};
    json::maybe<std::string> user{};
    json::maybe<std::string> safety_identifier{};
    json::maybe<std::string> prompt_cache_key{};
    json::maybe<std::string> prompt_cache_retention{};
    json::maybe<chat::prompt_cache_options> prompt_cache_options{};
    json::maybe<moderation_report> moderation{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    /// The output texts of all its messages, one after the other; empty when there are none.
    [[nodiscard]] std::string text() const;

    static constexpr json::field_rule json_fields[] = {json::rename("text_options", "text")};
    friend bool operator==(const reply&, const reply&) = default;
};

} // namespace modelmesh::responses
