// A file that goes with a request.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/http/body_source.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace modelmesh::http {

/// Read while it is sent, so it is never wholly in memory unless it comes from there. One that is sent in two
/// requests at the same time needs a source for each.
class attachment {
public:
    attachment() = default;
    attachment(std::string file_name, std::string type, std::shared_ptr<body_source> content)
        : name(std::move(file_name)), content_type(std::move(type)), source(std::move(content)) {}

    using json_opaque = void; ///< no part of the JSON of the request that has it

    std::string name;         ///< providers tell the format by its ending
    std::string content_type; ///< empty: not said
    std::shared_ptr<body_source> source;

    friend bool operator==(const attachment&, const attachment&) = default;
};

/// The files of a member that may have several.
class attachments : public std::vector<attachment> {
public:
    using vector::vector;
    attachments(attachment one) : vector(1, std::move(one)) {}

    using json_opaque = void; ///< as that of one
};

/// A regular file, by the last part of its path. Errors: bad_request, it cannot be opened.
[[nodiscard]] result<attachment> attach_file(const std::string& path);
/// Bytes in memory.
[[nodiscard]] attachment attach_bytes(std::string name, std::string bytes);

} // namespace modelmesh::http
