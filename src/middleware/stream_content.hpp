// A stream while it goes outwards through the middlewares, and after that the stream with what watches it.
#pragma once

#include "middleware/onion.hpp"
#include "router/reply_stream.hpp"

#include <modelmesh/middleware.hpp>

#include <memory>
#include <vector>

namespace modelmesh::detail {

/// What a streamed_reply shares with its copies.
class stream_content {
public:
    struct watching {
        const middleware* by;
        std::unique_ptr<stream_watcher> watcher;
    };

    [[nodiscard]] static streamed_reply wrap(std::unique_ptr<router::reply_stream> session,
                                             modelmesh::route route);
    /// Null when the reply is none: the default one, or one whose stream was taken.
    [[nodiscard]] static std::shared_ptr<stream_content> of(const streamed_reply& reply) noexcept {
        return reply.content_;
    }

    std::unique_ptr<router::reply_stream> session;
    modelmesh::route route;
    std::vector<watching> watchers;
};

/// The stream for its reader: with its watchers, or as it is where there are none.
/// @param context  kept for as long as the stream.
[[nodiscard]] std::unique_ptr<router::reply_stream> watched(stream_content& content,
                                                            std::shared_ptr<const onion> layers,
                                                            std::shared_ptr<request_context> context);

} // namespace modelmesh::detail
