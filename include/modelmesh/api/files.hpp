// Files as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/deletion.hpp>
#include <modelmesh/api/page.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/http/attachment.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh::files {

struct request {
    http::attachment file{};
    std::string purpose{}; ///< batch, fine-tune, vision, user_data, evals, assistants
    json::maybe<batches::expiry> expires_after{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct file {
    std::string id{};
    std::int64_t bytes = 0;
    std::int64_t created_at = 0; ///< seconds since 1970
    json::maybe<std::int64_t> expires_at{};
    std::string filename{};
    std::string object = "file";
    std::string purpose{}; ///< batch, fine-tune, vision, user_data, evals, assistants and outputs of them
    std::string status{};  ///< uploaded, processed, error
    json::maybe<std::string> status_details{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const file&, const file&) = default;
};

struct list {
    std::string object = "list";
    std::vector<file> data{};
    json::maybe<std::string> first_id{};
    json::maybe<std::string> last_id{};
    json::maybe<bool> has_more{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const list&, const list&) = default;
};

/// Which of the files.
class query : public page {
public:
    query() = default;
    std::optional<std::string> purpose;
    std::optional<std::string> order; ///< asc, desc: by when they were created
};

/// What is in a file.
struct content {
    std::string bytes{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
};

} // namespace modelmesh::files
