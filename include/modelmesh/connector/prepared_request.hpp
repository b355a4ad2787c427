// A request after its one validation: what every attempt encodes from.
#pragma once

#include <modelmesh/core/result.hpp>
#include <modelmesh/json/members.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace modelmesh {

/// Wire format of a request or reply. A provider whose format equals the caller's passes the bytes through.
enum class wire_family : std::uint8_t { openai_chat };

/// Immutable and shared: built once per call, before the entry function returns, so nothing borrows the
/// caller's memory. Holds the caller's JSON as it was given; connectors replace single members while they
/// copy. Threads: may be read from any thread.
class prepared_request {
public:
    /// @param json  one JSON object. Errors: bad_request when it is not one, or has no string member `model`.
    [[nodiscard]] static result<std::shared_ptr<const prepared_request>> parse(wire_family family,
                                                                               std::string json, bool stream);

    [[nodiscard]] wire_family family() const noexcept { return family_; }
    /// The name that the caller asked for: a capability, a pool or a model.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// Whether the reply is wanted as a stream.
    [[nodiscard]] bool stream() const noexcept { return stream_; }
    /// Top-level members in the caller's order; their values point into the request's own JSON.
    [[nodiscard]] const std::vector<json::member>& members() const noexcept { return members_; }
    /// Text of a top-level member, empty when absent.
    [[nodiscard]] std::string_view find(std::string_view member_name) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return json_.size(); }

    prepared_request(const prepared_request&) = delete; // members_ point into json_
    prepared_request& operator=(const prepared_request&) = delete;

private:
    prepared_request(wire_family family, std::string json, bool stream);

    wire_family family_;
    bool stream_;
    std::string json_;
    std::string name_;
    std::vector<json::member> members_;
};

} // namespace modelmesh
