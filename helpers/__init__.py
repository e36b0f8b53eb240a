"""What the notebooks call, one folder a topic:

``course`` what every notebook needs, ``taylor`` and ``higgs`` for notebook 1, ``photos`` and ``vgg16`` for notebook 2,
``lrp``, ``digits``, ``sanity``, ``toyworld``, ``tcav``, ``words`` and ``questions`` for notebook 3. Each folder hands on in
its ``__init__.py`` what the notebooks use. Beside them, and without TensorFlow: ``files`` (which files the course has and
where they are), ``python -m helpers.check`` and ``python -m helpers.download``.
"""
