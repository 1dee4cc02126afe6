// The API's documentation, drawn by Swagger UI from our own OpenAPI document.

SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger", deepLinking: true, validatorUrl: null });
