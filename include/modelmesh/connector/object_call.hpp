// A call about an object that a provider keeps: a file, an upload, a batch, a tuning job, a response, a model.
#pragma once

#include <modelmesh/connector/prepared_request.hpp>

#include <string>
#include <utility>
#include <vector>

namespace modelmesh::connector {

/// In the terms of OpenAI's API, for one provider: ids mean nothing to any other. Immutable and shared, as
/// prepared_request.
class object_call {
public:
    object_call() = default;

    [[nodiscard]] bool is_safe() const noexcept { return method == "GET"; }

    std::string method = "GET";
    std::vector<std::string> path; ///< by its segments, which are not encoded: {"files", id, "content"}
    std::vector<std::pair<std::string, std::string>> query; ///< not encoded either
    std::string json;                                       ///< of the body, one object; empty: there is none
    std::vector<attached_file> files; ///< make the body a form, whose other fields are the members of `json`
    bool is_binary = false;           ///< the answer is bytes and not JSON
    bool is_streamed = false;         ///< the answer is events
};

} // namespace modelmesh::connector
