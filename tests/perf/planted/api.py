"""Books as an API gives them, one view per fault."""

from rest_framework import serializers
from rest_framework.generics import ListAPIView

from tests.perf.planted.models import Author, Book, Publisher, Review


class Api(ListAPIView):
    authentication_classes = ()
    permission_classes = ()
    filter_backends = ()
    throttle_classes = ()
    pagination_class = None
    queryset = Book.objects.order_by("id")


class MethodField(serializers.ModelSerializer):
    who = serializers.SerializerMethodField()

    class Meta:
        model = Book
        fields = ["title", "who"]

    def get_who(self, book):
        return book.author.name  # fault method_field


class ReverseMethodField(serializers.ModelSerializer):
    said = serializers.SerializerMethodField()

    class Meta:
        model = Book
        fields = ["title", "said"]

    def get_said(self, book):
        return [review.text for review in book.reviews.all()]  # fault reverse_method_field


class PublisherSerializer(serializers.ModelSerializer):
    class Meta:
        model = Publisher
        fields = ["name"]


class AuthorSerializer(serializers.ModelSerializer):
    publisher = PublisherSerializer()

    class Meta:
        model = Author
        fields = ["name", "publisher"]


class Nested(serializers.ModelSerializer):
    author = AuthorSerializer()

    class Meta:
        model = Book
        fields = ["title", "author"]


class ReviewSerializer(serializers.ModelSerializer):
    class Meta:
        model = Review
        fields = ["text"]


class NestedMany(serializers.ModelSerializer):
    reviews = ReviewSerializer(many=True)

    class Meta:
        model = Book
        fields = ["title", "reviews"]


class MethodFieldBooks(Api):
    serializer_class = MethodField


class MethodFieldClean(MethodFieldBooks):
    queryset = Book.objects.select_related("author").order_by("id")


class ReverseMethodFieldBooks(Api):
    serializer_class = ReverseMethodField


class ReverseMethodFieldClean(ReverseMethodFieldBooks):
    queryset = Book.objects.prefetch_related("reviews").order_by("id")


class NestedBooks(Api):
    serializer_class = Nested

    def list(self, request, *args, **kwargs):
        # As many a view has it: only to add something to the answer.
        response = super().list(request, *args, **kwargs)
        response["X-Books"] = "yes"
        return response


class NestedClean(NestedBooks):
    queryset = Book.objects.select_related("author__publisher").order_by("id")


class NestedManyBooks(Api):
    serializer_class = NestedMany


class NestedManyClean(NestedManyBooks):
    queryset = Book.objects.prefetch_related("reviews").order_by("id")
