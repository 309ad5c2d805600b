// The extension module: every topic registers its own functions.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "instruction_set.hpp"

namespace miua {
void register_lbp(pybind11::module_& module);
void register_mutual_information(pybind11::module_& module);
void register_structural_similarity(pybind11::module_& module);
}  // namespace miua

PYBIND11_MODULE(_kernels, module) {
    module.doc() = "Exact image kernels; use them through miua.metrics.";
    module.def(
        "instruction_sets",
        [] {
            std::vector<std::string> names;
            for (const auto set : miua::available_instruction_sets())
                names.emplace_back(miua::name_of(set));
            return names;
        },
        "The instruction sets of this build on this processor, the lowest first.");
    miua::register_lbp(module);
    miua::register_mutual_information(module);
    miua::register_structural_similarity(module);
}
