// A client comes from create(); an empty one would be a handle to nothing.
// expect: private
#include <modelmesh/client.hpp>

modelmesh::client make() {
#ifdef MUST_FAIL
    return modelmesh::client();
#else
    return modelmesh::create("chat-completion");
#endif
}
