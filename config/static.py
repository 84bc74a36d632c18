"""Static files with a content hash in their names, ES modules included."""

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage


class ModuleManifestStorage(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True
    # Each pass hashes one more level of modules that import modules; they must not import in circles.
    max_post_process_passes = 20
