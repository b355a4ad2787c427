// Images as OpenAI's wire format has them.
#pragma once

#include <modelmesh/api/route.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/http/attachment.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace modelmesh::images {

struct request {
    std::string prompt{};
    json::maybe<std::string> model{}; ///< a capability, a pool or a model
    json::maybe<std::int64_t> n{};
    json::maybe<std::string> quality{};             ///< low, medium, high, auto; standard, hd
    json::maybe<std::string> response_format{};     ///< url, b64_json
    json::maybe<std::string> output_format{};       ///< png, jpeg, webp
    json::maybe<std::int64_t> output_compression{}; ///< percent
    json::maybe<bool> stream{};
    json::maybe<std::int64_t> partial_images{}; ///< 0 to 3
    json::maybe<std::string> size{};            ///< 1024x1024 and its like, or auto
    json::maybe<std::string> moderation{};      ///< low, auto
    json::maybe<std::string> background{};      ///< transparent, opaque, auto
    json::maybe<std::string> style{};           ///< vivid, natural
    json::maybe<std::string> user{};
    json::extra extra{};

    friend bool operator==(const request&, const request&) = default;
};

struct edit_request {
    http::attachments image{}; ///< 1 to 16
    std::string prompt{};
    http::attachment
        mask{}; ///< a PNG that is transparent where the first picture is to be edited; none: anywhere
    json::maybe<std::string> background{}; ///< transparent, opaque, auto
    json::maybe<std::string> model{};      ///< a capability, a pool or a model
    json::maybe<std::int64_t> n{};
    json::maybe<std::string> size{};                ///< 1024x1024 and its like, or auto
    json::maybe<std::string> response_format{};     ///< url, b64_json
    json::maybe<std::string> output_format{};       ///< png, jpeg, webp
    json::maybe<std::int64_t> output_compression{}; ///< percent
    json::maybe<std::string> user{};
    json::maybe<std::string> input_fidelity{}; ///< high, low
    json::maybe<bool> stream{};
    json::maybe<std::int64_t> partial_images{}; ///< 0 to 3
    json::maybe<std::string> quality{};         ///< low, medium, high, auto; standard
    json::extra extra{};

    friend bool operator==(const edit_request&, const edit_request&) = default;
};

/// For others like a picture.
struct variation_request {
    http::attachment image{};         ///< a square PNG
    json::maybe<std::string> model{}; ///< a capability, a pool or a model
    json::maybe<std::int64_t> n{};
    json::maybe<std::string> response_format{}; ///< url, b64_json
    json::maybe<std::string> size{};
    json::maybe<std::string> user{};
    json::extra extra{};

    friend bool operator==(const variation_request&, const variation_request&) = default;
};

struct token_details {
    std::int64_t text_tokens = 0;
    std::int64_t image_tokens = 0;
    json::extra extra{};

    friend bool operator==(const token_details&, const token_details&) = default;
};

struct usage {
    std::int64_t input_tokens = 0;
    std::int64_t total_tokens = 0;
    std::int64_t output_tokens = 0;
    json::maybe<token_details> input_tokens_details{};
    json::maybe<token_details> output_tokens_details{};
    json::extra extra{};

    friend bool operator==(const usage&, const usage&) = default;
};

struct image {
    json::maybe<std::string> b64_json{};
    json::maybe<std::string> url{};
    json::maybe<std::string> revised_prompt{};
    json::extra extra{};

    friend bool operator==(const image&, const image&) = default;
};

/// The picture itself. Errors: bad_request, the reply has only its URL; protocol, it is not base64.
[[nodiscard]] modelmesh::result<std::string> bytes_of(const image& of);

struct reply {
    std::int64_t created = 0; ///< seconds since 1970
    json::maybe<std::vector<image>> data{};
    json::maybe<std::string> background{};
    json::maybe<std::string> output_format{};
    json::maybe<std::string> size{};
    json::maybe<std::string> quality{};
    json::maybe<images::usage> usage{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const reply&, const reply&) = default;
};

/// A picture of a stream: one that is still coming, or the last.
struct event {
    std::string
        type{}; ///< image_generation.partial_image, image_generation.completed; image_edit.* for edits
    std::string b64_json{};
    std::int64_t created_at = 0; ///< seconds since 1970
    std::string size{};
    std::string quality{};
    std::string background{};
    std::string output_format{};
    json::maybe<std::int64_t> partial_image_index{}; ///< of a partial image
    json::maybe<images::usage> usage{};              ///< when completed
    json::extra extra{};

    friend bool operator==(const event&, const event&) = default;
};

} // namespace modelmesh::images
