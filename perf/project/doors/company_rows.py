"""The rows of a company, whatever leads from their model to it."""

from drivers.models import Company

# What may lead to the company, the first that a model has.
PATHS = {
    "company": "company",
    "driver": "driver__company",
    "vehicle": "vehicle__company",
    "membership": "membership__company",
    "webhook": "webhook__company",
    "policy": "policy__company",
    "client": "client__company",
}


def company_rows(model, company):
    """Return the company's rows of a model; all rows of one that belongs to no company."""
    rows = model._default_manager.all()
    if model is Company:
        return rows.filter(pk=company.pk)
    names = {field.name for field in model._meta.concrete_fields}
    for name, path in PATHS.items():
        if name in names:
            return rows.filter(**{path: company.pk})
    return rows
