/* Registers a model and finds it, with the installed library; its argument is the version that it has to have. */
#include <modelreg.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    mreg_error error = MREG_ERROR_INIT;
    mreg_owner_options of_owner = MREG_OWNER_OPTIONS_INIT;
    mreg_model_options of_model = MREG_MODEL_OPTIONS_INIT;
    mreg_registry registry = MREG_NULL;
    mreg_owner owner = MREG_NULL;
    mreg_model model = MREG_NULL;
    bool has = false;

    if (argc != 2 || strcmp(mreg_version_string(), argv[1]) != 0 || mreg_version() != MREG_VERSION_NUMBER) {
        printf("the library is version %s\n", mreg_version_string());
        return 1;
    }
    of_owner.kind = MREG_KIND_DATA_SOURCE;
    of_owner.connector.data = "mysql";
    of_owner.connector.length = MREG_NUL_TERMINATED;
    of_model.name.data = "User";
    of_model.name.length = MREG_NUL_TERMINATED;
    if (mreg_registry_create(NULL, &registry, &error) != MREG_OK ||
        mreg_owner_create(registry, &of_owner, &owner, &error) != MREG_OK) {
        printf("%s\n", error.message);
        return 1;
    }
    of_model.data_source = owner;
    if (mreg_model_register(registry, &of_model, &model, &error) != MREG_OK ||
        mreg_owner_has(owner, MREG_KIND_ANY, "User", MREG_NUL_TERMINATED, &has, &error) != MREG_OK || !has ||
        mreg_registry_clear(registry, &error) != MREG_OK ||
        mreg_owner_has(owner, MREG_KIND_ANY, "User", MREG_NUL_TERMINATED, &has, &error) != MREG_OK || has ||
        mreg_registry_destroy(registry, &error) != MREG_OK) {
        printf("wrong: %s\n", error.message);
        return 1;
    }
    printf("modelreg %s works\n", mreg_version_string());
    return 0;
}
