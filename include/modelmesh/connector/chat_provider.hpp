// Base class of providers whose chat is not OpenAI's: two functions to override, typed on both sides.
#pragma once

#include <modelmesh/api/chat.hpp>
#include <modelmesh/connector/openai_compatible.hpp>

namespace modelmesh::connector {

/// Serves chats only. What is not overridden is as at OpenAI: the credentials, the forms of errors, the list of models.
/// Its replies come whole: who asks for a stream gets the reply as chunks once it is there.
class chat_provider : public openai_compatible {
public:
    /// Writes what the vendor wants to get.
    /// @param output  has the method POST, the credentials, JSON as its type in both directions, and the base path as
    ///                its target, to which the rest of the path is to be added.
    /// Errors: unsupported, naming the member of the request that the vendor has nothing for.
    virtual result<void> write_request(const chat::request& asked, const target& to,
                                       http::request& output) const = 0;
    /// Makes a reply of what the vendor answered with a 2xx status. What it leaves out is filled in: the
    /// role, the finish reason, the sum of tokens.
    /// Errors: protocol when it is not what the vendor promises; the class of failure that it reports in the body.
    virtual result<chat::reply> read_reply(std::string_view body) const = 0;

    result<void> encode(const prepared_request& input, const target& to, http::request& output) const final;
    result<std::string> decode(const prepared_request& input, http::response&& answer) const final;
    [[nodiscard]] std::unique_ptr<stream_decoder> open_stream(const prepared_request& input) const final;
    /// Errors: unsupported.
    result<void> encode_object(const object_call& input, const target& to, http::request& output) const final;
    [[nodiscard]] std::unique_ptr<stream_decoder> open_object_stream(const object_call& input) const final;
    /// Chat, whatever the model is called.
    [[nodiscard]] std::vector<std::string> capabilities_of(std::string_view model) const override;
};

} // namespace modelmesh::connector
