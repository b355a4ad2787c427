// The Responses API as OpenAI's wire format has it: request, reply, and the events of a streamed reply.
//
// Plain aggregates, members named and ordered as on the wire. What the types do not name is kept in `extra` and
// written back. Items and tools are variants, chosen by their `type`; a type that is not known is kept too, in
// other_item and hosted_tool.
#pragma once

#include <modelmesh/api/responses/event.hpp>
#include <modelmesh/api/responses/item.hpp>
#include <modelmesh/api/responses/reply.hpp>
#include <modelmesh/api/responses/request.hpp>
#include <modelmesh/api/responses/stored.hpp>
#include <modelmesh/json/detail/descriptor.hpp>

// The library has these tables already: users do not instantiate them again.
namespace modelmesh::json::detail {
extern template const descriptor& describe<responses::request>() noexcept;
extern template const descriptor& describe<responses::item>() noexcept;
extern template const descriptor& describe<responses::tool>() noexcept;
extern template const descriptor& describe<responses::reply>() noexcept;
extern template const descriptor& describe<responses::event>() noexcept;
extern template const descriptor& describe<responses::item_list>() noexcept;
} // namespace modelmesh::json::detail
