// Batches as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/page.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace modelmesh::batches {

struct expiry {
    std::string anchor = "created_at";
    std::int64_t seconds = 0;
    json::extra extra{};

    friend bool operator==(const expiry&, const expiry&) = default;
};

struct request {
    std::string input_file_id{};
    std::string endpoint{}; ///< /v1/chat/completions, /v1/responses, /v1/embeddings, ...
    std::string completion_window = "24h";
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<expiry> output_expires_after{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct line_error {
    json::maybe<std::string> code{};
    json::maybe<std::string> message{};
    json::maybe<std::string> param{};
    json::maybe<std::int64_t> line{};
    json::extra extra{};

    friend bool operator==(const line_error&, const line_error&) = default;
};

struct errors {
    json::maybe<std::string> object{};
    json::maybe<std::vector<line_error>> data{};
    json::extra extra{};

    friend bool operator==(const errors&, const errors&) = default;
};

struct counts {
    std::int64_t total = 0;
    std::int64_t completed = 0;
    std::int64_t failed = 0;
    json::extra extra{};

    friend bool operator==(const counts&, const counts&) = default;
};

struct input_details {
    std::int64_t cached_tokens = 0;
    json::extra extra{};

    friend bool operator==(const input_details&, const input_details&) = default;
};

struct output_details {
    std::int64_t reasoning_tokens = 0;
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

struct batch {
    std::string id{};
    std::string object = "batch";
    std::string endpoint{};
    json::maybe<std::string> model{};
    json::maybe<batches::errors> errors{};
    std::string input_file_id{};
    std::string completion_window{};
    std::string
        status{}; ///< validating, failed, in_progress, finalizing, completed, expired, cancelling, cancelled
    json::maybe<std::string> output_file_id{};
    json::maybe<std::string> error_file_id{};
    std::int64_t created_at = 0; ///< seconds since 1970, as all of these
    json::maybe<std::int64_t> in_progress_at{};
    json::maybe<std::int64_t> expires_at{};
    json::maybe<std::int64_t> finalizing_at{};
    json::maybe<std::int64_t> completed_at{};
    json::maybe<std::int64_t> failed_at{};
    json::maybe<std::int64_t> expired_at{};
    json::maybe<std::int64_t> cancelling_at{};
    json::maybe<std::int64_t> cancelled_at{};
    json::maybe<counts> request_counts{};
    json::maybe<batches::usage> usage{};
    json::maybe<std::map<std::string, std::string>> metadata{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const batch&, const batch&) = default;
};

struct list {
    std::string object = "list";
    std::vector<batch> data{};
    json::maybe<std::string> first_id{};
    json::maybe<std::string> last_id{};
    bool has_more = false;
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const list&, const list&) = default;
};

} // namespace modelmesh::batches
