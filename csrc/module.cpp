// The extension module: every topic registers its own functions.

#include <pybind11/pybind11.h>

namespace miua {
void register_lbp(pybind11::module_& module);
void register_mutual_information(pybind11::module_& module);
}  // namespace miua

PYBIND11_MODULE(_kernels, module) {
    module.doc() = "Exact image kernels; use them through miua.metrics.";
    miua::register_lbp(module);
    miua::register_mutual_information(module);
}
