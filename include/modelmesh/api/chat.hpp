// Chat completions as OpenAI's wire format has them: request, reply, and the chunks of a streamed reply.
//
// Plain aggregates, members named and ordered as on the wire. What the types do not name is kept in `extra`
// and written back. A `json::maybe` member is left out when it was not set, which is not the same as its
// default. g++ 12: name a request before awaiting a call with it; the deleted overloads of chat::completions
// insist.
#pragma once

#include <modelmesh/api/chat/accumulator.hpp>
#include <modelmesh/api/chat/chunk.hpp>
#include <modelmesh/api/chat/message.hpp>
#include <modelmesh/api/chat/reply.hpp>
#include <modelmesh/api/chat/request.hpp>
#include <modelmesh/api/usage.hpp>
#include <modelmesh/json/detail/descriptor.hpp>

// The library has these tables already: users do not instantiate them again.
namespace modelmesh::json::detail {
extern template const descriptor& describe<chat::request>() noexcept;
extern template const descriptor& describe<chat::message>() noexcept;
extern template const descriptor& describe<chat::tool_call>() noexcept;
extern template const descriptor& describe<chat::usage>() noexcept;
extern template const descriptor& describe<chat::reply>() noexcept;
extern template const descriptor& describe<chat::chunk>() noexcept;
extern template const descriptor& describe<route>() noexcept;
} // namespace modelmesh::json::detail
