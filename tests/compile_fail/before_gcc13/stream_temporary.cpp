// The same for a streamed request: g++ before 13 would destroy it twice.
// expect: deleted function
#include <modelmesh/client.hpp>

modelmesh::task<void> ask(modelmesh::client client) {
#ifdef MUST_FAIL
    co_await client.chat.completions.stream(modelmesh::chat::request{.model = "m"});
#else
    modelmesh::chat::request request;
    request.model = "m";
    co_await client.chat.completions.stream(request);
#endif
}
