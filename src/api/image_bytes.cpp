#include <modelmesh/api/images.hpp>
#include <modelmesh/core/base64.hpp>

namespace modelmesh::images {

modelmesh::result<std::string> bytes_of(const image& of) {
    if (of.b64_json) return base64::decode(*of.b64_json);
    return fault(errc::bad_request,
                 "the reply has no bytes of the image" + (of.url ? ", only its URL" : std::string()));
}

} // namespace modelmesh::images
