// Calls about responses that their provider has stored.
#pragma once

#include <modelmesh/api/deletion.hpp>
#include <modelmesh/api/page.hpp>
#include <modelmesh/api/responses/item.hpp>
#include <modelmesh/api/route.hpp>
#include <modelmesh/json/types.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace modelmesh::responses {

/// How much is told of a response.
class query {
public:
    query() = default;
    std::vector<std::string> include; ///< what its items have besides: message.output_text.logprobs, ...
    /// False: events are not filled up to equal lengths, which hide from others on the way what is in them.
    std::optional<bool> include_obfuscation;
    std::optional<std::int64_t>
        starting_after; ///< of a stream: the event (sequence_number) that was the last seen
};

/// Which of the items that a response was asked with.
class item_query : public page {
public:
    item_query() = default;
    std::optional<std::string> order; ///< asc, desc
    std::vector<std::string> include; ///< what the items have besides: reasoning.encrypted_content, ...
};

struct item_list {
    std::string object = "list";
    std::vector<item> data{};
    bool has_more = false;
    json::maybe<std::string> first_id{};
    json::maybe<std::string> last_id{};
    json::maybe<route> x_modelmesh{}; ///< filled by the client
    json::extra extra{};

    friend bool operator==(const item_list&, const item_list&) = default;
};

} // namespace modelmesh::responses
