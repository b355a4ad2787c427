// Uploads of large files in parts, as OpenAI's wire format has them. A part itself is sent as a form.
#pragma once

#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace modelmesh::uploads {

struct request {
    std::string filename{};
    std::string purpose{}; ///< assistants, batch, fine-tune, vision
    std::int64_t bytes = 0;
    std::string mime_type{};
    json::maybe<batches::expiry> expires_after{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct upload {
    std::string id{};
    json::maybe<std::string> object{}; ///< upload
    std::int64_t bytes = 0;
    std::int64_t created_at = 0; ///< seconds since 1970
    std::string filename{};
    std::string purpose{};
    std::string status{};             ///< pending, completed, cancelled, expired
    std::int64_t expires_at = 0;      ///< seconds since 1970
    json::maybe<files::file> file{};  ///< when completed
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const upload&, const upload&) = default;
};

struct part {
    std::string id{};
    std::int64_t created_at = 0; ///< seconds since 1970
    std::string upload_id{};
    std::string object = "upload.part";
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const part&, const part&) = default;
};

struct completion {
    std::vector<std::string> part_ids{}; ///< in the order of the file
    json::maybe<std::string> md5{};
    json::extra extra{};

    friend bool operator==(const completion&, const completion&) = default;
};

} // namespace modelmesh::uploads
