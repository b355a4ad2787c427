// A request after its one validation: what every attempt encodes from.
#pragma once

#include <modelmesh/connector/operation.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/http/attachment.hpp>
#include <modelmesh/json/members.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh {

/// A file of a request, and the name of the form's field that it fills.
struct attached_file {
    std::string field;
    http::attachment file;
};

/// Immutable and shared: built once per call, before the entry function returns, so nothing borrows the
/// caller's memory. Holds the caller's JSON as it was given; connectors replace single members while they
/// copy. Threads: may be read from any thread.
class prepared_request {
public:
    /// @param json  one JSON object. @param files  go with it, where the operation's format is a form.
    /// Errors: bad_request when it is not one, or has no string member `model`. Only what OpenAI lets do without one
    /// may: it asks for the operation's capability then.
    [[nodiscard]] static result<std::shared_ptr<const prepared_request>> parse(
        modelmesh::operation what, std::string json, bool stream, std::vector<attached_file> files = {});

    [[nodiscard]] modelmesh::operation operation() const noexcept { return operation_; }
    /// The name that the caller asked for: a capability, a pool or a model.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Whether the reply is wanted as a stream.
    [[nodiscard]] bool stream() const noexcept { return stream_; }
    /// Top-level members in the caller's order; their values point into the request's own JSON.
    [[nodiscard]] const std::vector<json::member>& members() const noexcept { return members_; }
    /// Text of a top-level member, empty when absent.
    [[nodiscard]] std::string_view find(std::string_view member_name) const noexcept;
    /// The whole object, as it was given.
    [[nodiscard]] const std::string& json() const noexcept { return json_; }
    [[nodiscard]] std::size_t size() const noexcept { return json_.size(); }
    [[nodiscard]] const std::vector<attached_file>& files() const noexcept { return files_; }

    prepared_request(const prepared_request&) = delete; // members_ point into json_
    prepared_request& operator=(const prepared_request&) = delete;

private:
    prepared_request(modelmesh::operation what, std::string json, bool stream,
                     std::vector<attached_file> files);

    modelmesh::operation operation_;
    bool stream_;
    std::string json_;
    std::string name_;
    std::vector<json::member> members_;
    std::vector<attached_file> files_;
};

} // namespace modelmesh
